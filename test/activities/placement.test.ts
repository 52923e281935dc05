/** An agent's own files must not lie where a restore moves everything. */
import { describe, expect, test } from '@jest/globals';
import { misplaced } from '../../activities/host/placement.ts';
import { agentSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';

const layout: Layout = {
  members: [
    { kind: 'data', directory: '/srv/db/data', mountPoint: false, files: [] },
    { kind: 'redo', directory: '/srv/redo', mountPoint: false, files: ['ib_logfile*'] },
  ],
  innodbDataFiles: ['ibdata1:12M:autoextend'],
  innodbPageSize: 16384,
  lowerCaseTableNames: 0,
  binlogBasename: '',
  obstacles: [],
};

function settings(state: string, storage: string): Parameters<typeof misplaced>[0] {
  return agentSettings.parse({
    service_id: 'db',
    state_directory: state,
    storage: `file://${storage}`,
    server: { defaults_file: '/etc/my.cnf' },
  });
}

describe('the places of an agent', () => {
  test('beside the data are fine, also where a name begins alike', () => {
    expect(misplaced(settings('/srv/db/data-of-agent', '/srv/backups'), layout)).toEqual([]);
  });

  test.each([
    ['/srv/db/data/state', '/srv/backups', 'state_directory = /srv/db/data/state lies in /srv/db/data'],
    ['/srv/db/data', '/srv/backups', 'state_directory = /srv/db/data lies in /srv/db/data'],
    ['/srv/state', '/srv/db/data/backups', 'storage = /srv/db/data/backups lies in /srv/db/data'],
    ['/srv/db/data/../data/x', '/srv/backups', 'lies in /srv/db/data'],
  ])('%s and %s are refused, with the setting and the directory named', (state, storage, sentence) => {
    expect(misplaced(settings(state, storage), layout)).toEqual([expect.stringContaining(sentence)]);
  });
});
