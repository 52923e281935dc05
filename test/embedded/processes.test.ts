/** What the processes of a stack are given, and what they are not. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { StackAgent } from '../../embedded/agents.ts';
import {
  agentProcess,
  apiProcess,
  storageCheck,
  temporalProcess,
  type Wiring,
  workerProcess,
} from '../../embedded/processes.ts';

const wiring: Wiring = {
  data: '/srv/data',
  port: 1,
  temporalPort: 2,
  uiPort: 3,
  storage: 's3://backups',
  movedFrom: undefined,
  environment: { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:7070' },
  storageEnvironment: {},
  copies: [],
  externalEndpoints: ['127.0.0.1:7070', 's3.example.com'],
  recipients: [],
  logLevel: 'info',
  nightly: 'off',
};
const agent = { settingsFile: '/a.yaml', settings: { service_id: 'shop' } } as StackAgent;

const keys = {
  AWS_ACCESS_KEY_ID: 'AKIA',
  AWS_SECRET_ACCESS_KEY: 'canary',
  AWS_SESSION_TOKEN: 'canary',
  GOOGLE_APPLICATION_CREDENTIALS: '/key.json',
  STORAGE_EMULATOR_HOST: 'http://127.0.0.1:9',
};
let before: NodeJS.ProcessEnv;

beforeEach(() => {
  before = { ...process.env };
  Object.assign(process.env, keys);
});
afterEach(() => {
  for (const name of Object.keys(keys)) delete process.env[name];
  Object.assign(process.env, before);
});

/** The environment that a process gets. */
function environmentOf({ environment }: { environment: NodeJS.ProcessEnv }): NodeJS.ProcessEnv {
  return { ...process.env, ...environment };
}

test('the keys of the clouds reach those who use the store, and nobody else', () => {
  for (const spec of [apiProcess(wiring), temporalProcess(wiring, '/bin/temporal')]) {
    const environment = environmentOf(spec);
    for (const name of [...Object.keys(keys), 'AWS_ENDPOINT_URL_S3'])
      expect(environment[name]).toBeUndefined();
    expect(environment['PATH']).toBe(process.env['PATH']);
  }
  for (const spec of [workerProcess(wiring), agentProcess(wiring, agent), storageCheck(wiring)])
    expect(environmentOf(spec)).toMatchObject({ ...keys, ...wiring.environment });
});

test('the hosts that a bucket of a customer may be at are told to who checks them', () => {
  const told = { TIDEMARK_EXTERNAL_ENDPOINTS: '127.0.0.1:7070,s3.example.com' };
  expect(apiProcess(wiring).environment).toMatchObject(told);
  expect(workerProcess(wiring).environment).toMatchObject(told);
});
