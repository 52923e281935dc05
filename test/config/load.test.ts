import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { agentSettings, backupSettings } from '../../config/agent.ts';
import { apiSettings } from '../../config/api.ts';
import { describeSettings } from '../../config/describe.ts';
import { loadFromEnvironment, loadFromFile } from '../../config/load.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { loadTemporal } from '../../temporal/connect.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function file(text: string): Promise<string> {
  const path = join(folder, 'settings.yaml');
  await writeFile(path, text);
  return path;
}

/** The messages with which loading fails. */
function refusals(load: () => unknown): string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'invalid_setting') {
      return error.items.map(({ message }) => message);
    }
    throw error;
  }
  throw new Error('the settings were taken');
}

const needed = {
  TIDEMARK_CATALOG: 'sqlite:///x.db',
  TIDEMARK_TOKENS_FILE: '/tokens',
  TIDEMARK_SEALING_KEY_FILE: '/sealing-key',
};

describe('age recipients', () => {
  const [one, two] = [newAgeIdentity().recipient, newAgeIdentity().recipient];

  test('come as a list, or as one text from the environment', async () => {
    const env = { ...needed, TIDEMARK_RECIPIENTS: `${one}, ${two},${one}` };
    expect(loadFromEnvironment(apiSettings, env)).toMatchObject({
      recipients: [one, two],
      unencrypted_backups: 'allowed',
    });
    expect(backupSettings.parse({ recipients: [one] }).recipients).toEqual([one]);
    expect(backupSettings.parse({}).recipients).toEqual([]);
  });

  test('are checked each, and a secret key among them is not repeated', () => {
    const { identity } = newAgeIdentity();
    const damaged = two.replace(/.$/, (last) => (last === 'q' ? 'p' : 'q'));
    const env = { ...needed, TIDEMARK_RECIPIENTS: `${one},${damaged},${identity},ssh-ed25519 AAAA` };
    const said = refusals(() => loadFromEnvironment(apiSettings, env));
    expect(said).toHaveLength(3);
    expect(said[0]).toContain(`TIDEMARK_RECIPIENTS has the entry "${damaged}", which has a wrong checksum`);
    expect(said[1]).toContain('which is a secret key');
    expect(said[2]).toContain('does not begin with age1');
    expect(said.join()).not.toContain(identity.slice(16, 40));
  });
});

describe('settings from the environment', () => {
  test('fill in what is not set, and turn texts into values', () => {
    expect(
      loadFromEnvironment(apiSettings, { ...needed, TIDEMARK_PORT: '0', TIDEMARK_AGENT_WAIT: '90s' }),
    ).toMatchObject({
      listen: '127.0.0.1',
      port: 0,
      catalog: 'sqlite:///x.db',
      tokens_file: '/tokens',
      agent_wait: 90_000,
      log_level: 'info',
    });
  });

  test('win over the file that TIDEMARK_CONFIG names', async () => {
    const path = await file('port: 8081\nlog_level: debug\ntokens_file: /from/file\n');
    const settings = loadFromEnvironment(apiSettings, {
      TIDEMARK_CONFIG: path,
      TIDEMARK_CATALOG: 'sqlite:///x.db',
      TIDEMARK_SEALING_KEY_FILE: '/sealing-key',
      TIDEMARK_PORT: '8082',
    });
    expect(settings).toMatchObject({ port: 8082, log_level: 'debug', tokens_file: '/from/file' });
  });

  test('that are empty count as not set', () => {
    expect(loadFromEnvironment(apiSettings, { ...needed, TIDEMARK_PORT: '' }).port).toBe(8080);
  });

  test('leave other programs and the tests their variables', () => {
    const others = { PATH: '/bin', TIDEMARK_CACHE: '/c', TIDEMARK_TEST_LONG: '1', TIDEMARK_TEST_RUN: '/r' };
    expect(loadFromEnvironment(apiSettings, { ...needed, ...others }).port).toBe(8080);
  });

  test('are refused all at once, each by the name that was written', async () => {
    const path = await file('agent_wait: 5\ncolor: red\n');
    const messages = refusals(() =>
      loadFromEnvironment(apiSettings, {
        TIDEMARK_CONFIG: path,
        TIDEMARK_PORT: '65536',
        TIDEMARK_LOG_LEVEL: 'loud',
        TIDEMARK_CATALOGUE: 'x',
      }),
    );
    expect(messages).toHaveLength(7);
    for (const start of [
      'TIDEMARK_CATALOGUE is unknown. There are TIDEMARK_LISTEN, ',
      'TIDEMARK_PORT has the value "65536"',
      'TIDEMARK_LOG_LEVEL has the value "loud". Allowed: one of trace, debug, info, warn, error.',
      'TIDEMARK_SEALING_KEY_FILE is missing. Allowed: the path of a file.',
      'TIDEMARK_CATALOG is missing. Allowed: sqlite:///path/of/file or ',
      `agent_wait in ${path} has the value 5. Allowed: at least 100ms: a whole number and a unit`,
      `color in ${path} is unknown. There are listen, port, `,
    ]) {
      expect(messages.filter((message) => message.startsWith(start))).toHaveLength(1);
    }
  });

  test.each(['-1', '1e3', '0x10', ' 80', '8080.5'])('a port of "%s" is refused', (port) => {
    expect(refusals(() => loadFromEnvironment(apiSettings, { ...needed, TIDEMARK_PORT: port }))).toHaveLength(
      1,
    );
  });

  test('of a group have variables of their own, which win over the same ones in the file', async () => {
    const path = await file('jwt: { issuer: a, audience: b, roles_claim: c }\n');
    const jwt = loadFromEnvironment(apiSettings, {
      ...needed,
      TIDEMARK_CONFIG: path,
      TIDEMARK_JWT_AUDIENCE: 'd',
      TIDEMARK_JWT_SECRET_FILE: '/s',
    }).jwt;
    expect(jwt).toMatchObject({ issuer: 'a', audience: 'd', roles_claim: 'c', secret_file: '/s' });
    expect(loadFromEnvironment(apiSettings, needed).jwt).toBeUndefined();
  });

  test('of a group are refused by the name that was written, secrets unseen', async () => {
    const path = await file('jwt: { audience: 7, colour: red }\n');
    const variables = { TIDEMARK_JWT_ISSUER: 'a', TIDEMARK_JWT_JWKS_URL: 'http://issuer/keys' };
    const messages = refusals(() =>
      loadFromEnvironment(apiSettings, { ...needed, ...variables, TIDEMARK_CONFIG: path }),
    );
    expect(messages.map((message) => message.split(/ is | has /)[0]).toSorted()).toEqual([
      'TIDEMARK_JWT_JWKS_URL',
      `jwt.audience in ${path}`,
      `jwt.colour in ${path}`,
    ]);
    const whole = {
      ...needed,
      TIDEMARK_CONFIG: await file('jwt: hunter2\n'),
      TIDEMARK_JWT_SECRET: 'hunter3',
    };
    expect(refusals(() => loadFromEnvironment(apiSettings, whole)).join()).not.toContain('hunter3');
  });

  test('never show a password, right or wrong', () => {
    for (const catalog of [
      'mysql://u:hunter2@h/d',
      'postgre://u:hun/ter2@hunter2@h/d',
      'pg://h/d?password=hunter2&x=1',
    ]) {
      const messages = refusals(() =>
        loadFromEnvironment(apiSettings, { ...needed, TIDEMARK_CATALOG: catalog }),
      );
      expect(messages.join()).not.toMatch(/hunter2|ter2/);
      expect(messages.join()).toContain('***');
    }
    const unknown = { ...needed, TIDEMARK_CATALOG_PASSWORD: 'hunter2' };
    expect(refusals(() => loadFromEnvironment(apiSettings, unknown)).join()).not.toContain('hunter2');
  });
});

describe('settings from a file', () => {
  const least =
    'service_id: db1\nstate_directory: /s\nstorage: file:///b\nserver: { defaults_file: /my.cnf }\n';

  test.each(['0', '16', '63K', '2G', '900G'])('refuse parts of %s', async (size) => {
    const path = await file(`${least}backup: { part_size: ${size} }\n`);
    expect(refusals(() => loadFromFile(agentSettings, path)).join()).toMatch(/part_size.*from 64K to 1G/);
  });

  test.each([
    's3:/x',
    's3://',
    's3://AKIA:secret@bucket/x',
    's3://AKIA:secret/x',
    'gs://bucket/../x',
    'gs://bucket/a/..',
  ])('refuse the storage %s, and show no secret of it', async (location) => {
    const path = await file(least.replace('file:///b', location));
    const said = refusals(() => loadFromFile(agentSettings, path)).join();
    expect(said).toMatch(/storage.*s3:\/\/bucket\/prefix/);
    expect(said).not.toContain('secret');
  });

  test.each(['GLACIER', 'DEEP_ARCHIVE'])('refuse the storage class %s', async (name) => {
    const path = await file(`${least}storage_options: { storage_class: ${name} }\n`);
    expect(refusals(() => loadFromFile(agentSettings, path)).join()).toMatch(/storage_class.*not GLACIER/);
  });

  test('are YAML or JSON, with sizes and durations as numbers of bytes and milliseconds', async () => {
    const yaml = loadFromFile(
      agentSettings,
      await file(`${least}backup: { part_size: 1M }\nrestore: { min_free: 512 }\n`),
    );
    expect(yaml).toMatchObject({
      service_id: 'db1',
      server: { control: { kind: 'systemd', unit: 'mariadb' }, start_timeout: 300_000 },
      backup: { part_size: 1_048_576, parallel: 4 },
      restore: { min_free: 512, keep_previous: 86_400_000 },
    });
    const json = JSON.stringify({
      service_id: 'db1',
      state_directory: '/s',
      storage: 'file:///b',
      server: { defaults_file: '/my.cnf', control: { kind: 'direct' } },
    });
    expect(loadFromFile(agentSettings, await file(json)).server.control).toEqual({
      kind: 'direct',
      user: '',
      keep_running: false,
    });
  });

  test('are refused all at once, each by its path', async () => {
    const path = await file(`service_id: schedules
state_directory: relative
storage: ftp://bucket
server: { control: { kind: init }, stop: now }
backup: { parallel: 0, recipients: [age1abc, AGE] }
restore: fast
`);
    const messages = refusals(() => loadFromFile(agentSettings, path));
    const names = messages.map((message) => message.split(' ')[0]);
    expect(names.toSorted()).toEqual([
      'backup.parallel',
      'backup.recipients',
      'backup.recipients',
      'restore',
      'server.control.kind',
      'server.defaults_file',
      'server.stop',
      'service_id',
      'state_directory',
      'storage',
    ]);
    expect(messages.join('\n')).toContain(
      'restore in ' + path + ' has the value "fast". Allowed: a group with ',
    );
    expect(messages.join('\n')).toContain('Allowed: one of direct, systemd, command.');
  });

  test.each([
    ['a: [1\nb: }', /is not YAML or JSON: \w+ at line \d, column \d/],
    ['a: 1\na: 2', /DUPLICATE_KEY at line 2, column 1/],
    ['just words', /holds no settings/],
    ['- a\n- b', /holds no settings/],
  ])('%j is no file of settings, and its text is not repeated', async (text, message) => {
    const path = await file(text);
    const [first = ''] = refusals(() => loadFromFile(agentSettings, path));
    expect(first).toMatch(message);
    expect(first).not.toContain('just words');
  });

  test('a file that is not there is named', () => {
    expect(refusals(() => loadFromFile(agentSettings, '/nowhere.yaml'))[0]).toContain(
      '/nowhere.yaml cannot be read',
    );
  });
});

test('settings are described without secrets', () => {
  const settings = loadFromEnvironment(apiSettings, {
    ...needed,
    TIDEMARK_CATALOG: 'postgres://u:hunter2@h/d',
  });
  expect(describeSettings(settings)).toEqual({ ...settings, catalog: 'postgres://u:***@h/d' });
  expect(describeSettings({ store: { secret_key: 'hunter2', key_file: '/k' }, api_token: 't' })).toEqual({
    store: { secret_key: '***', key_file: '/k' },
    api_token: '***',
  });
});

describe("Temporal's settings", () => {
  const home = { HOME: '/nowhere', XDG_CONFIG_HOME: '/nowhere' };

  test('have defaults', () => {
    expect(loadTemporal(home)).toEqual({
      connectionOptions: { address: '127.0.0.1:7233' },
      namespace: 'default',
    });
  });

  test("come from Temporal's own variables; an API key brings TLS", () => {
    const { connectionOptions, namespace } = loadTemporal({
      ...home,
      TEMPORAL_ADDRESS: 'temporal:7233',
      TEMPORAL_NAMESPACE: 'backups',
      TEMPORAL_API_KEY: 'k',
    });
    expect([connectionOptions.address, connectionOptions.apiKey, namespace]).toEqual([
      'temporal:7233',
      'k',
      'backups',
    ]);
    expect(connectionOptions.tls).toBeTruthy();
  });

  test('a certificate that cannot be read is a wrong setting', () => {
    const env = {
      ...home,
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/cert.pem',
      TEMPORAL_TLS_CLIENT_KEY_PATH: '/nowhere/key.pem',
    };
    expect(refusals(() => loadTemporal(env))[0]).toContain('/nowhere/cert.pem');
  });
});
