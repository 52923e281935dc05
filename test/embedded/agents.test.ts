/** What a stack takes from the settings of the agents that are named to it. */
import { expect, test } from '@jest/globals';
import { agentSettings } from '../../config/agent.ts';
import { controlSettings } from '../../config/control.ts';
import { loadFromEnvironment } from '../../config/load.ts';
import { storageEnvironment } from '../../embedded/agents.ts';

test('the control worker uses the store as the first named agent does', () => {
  const settings = agentSettings.parse({
    service_id: 'shop',
    state_directory: '/var/lib/tidemark',
    storage: 's3://backups/shop',
    storage_options: {
      region: 'eu-north-1',
      path_style: true,
      upload_limit: '20M',
      request_timeout: '30s',
      retry_for: '0s',
    },
    server: { defaults_file: '/etc/my.cnf' },
  });
  const environment = storageEnvironment([{ settingsFile: 'shop.yaml', settings }]);
  const loaded = loadFromEnvironment(controlSettings, {
    TIDEMARK_CATALOG: 'sqlite:///catalog.db',
    TIDEMARK_STORAGE: settings.storage,
    ...environment,
  });
  expect(loaded.storage_options).toEqual(settings.storage_options);
});

test('without named agents it uses the store as it is set by default', () => {
  expect(storageEnvironment([])).toEqual({});
});
