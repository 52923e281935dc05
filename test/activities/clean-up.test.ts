/** What a backup left is removed from its host at once, whatever its store does. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { backupActivities } from '../../activities/host/backup.ts';
import { Following } from '../../activities/host/following.ts';
import { type Host, operationFolder, Turn } from '../../activities/host/host.ts';
import { sealBucketFor } from '../../activities/sealed-bucket.ts';
import { agentSettings } from '../../config/agent.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { lockServer } from '../../mariadb/server-lock.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { runActivity } from '../support/activity.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let host: Host;
let store: ObjectStore;
let left: string;
const age = newAgeIdentity();
const agentId = 'an-agent';
const order = {
  backupId: `${'0d'.repeat(16)}:left-1:left-1`,
  serviceId: 'left-1',
  workflowId: 'backup/of-a-test',
  deploymentId: 'a-deployment',
};

beforeAll(async () => {
  server = await startTestServer({ name: 'left', stopped: true });
  const settings = agentSettings.parse({
    service_id: 'left-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    storage_options: { retry_for: '1s', request_timeout: '1s' },
    server: { defaults_file: server.settings.defaults_file },
  });
  store = await openStore(settings.storage);
  host = {
    agentId,
    ageIdentity: age.identity,
    settings,
    store,
    log: silentLog,
    announceNow: () => undefined,
    copies: new Map(),
    signal: async () => undefined,
    signReport: () => ({ report: '', signature: '' }),
    following: new Following(),
    attempts: new Map(),
    turn: new Turn(),
  };
  left = path.join(operationFolder(settings.state_directory, `backup-${'0d'.repeat(16)}`), 'scratch');
});
afterAll(() => server.remove());

test('while a store does not answer, the scratch is gone and the server is free for other work', async () => {
  await mkdir(left, { recursive: true });
  const answer = Promise.withResolvers<never>();
  let asked = 0;
  const silent: ObjectStore = {
    location: store.location,
    put: async () => await answer.promise,
    replace: async () => await answer.promise,
    get: async () => ((asked += 1), await answer.promise),
    stat: async () => await answer.promise,
    delete: async () => await answer.promise,
    list: () => store.list(''),
  };
  const cleaning = runActivity(() => backupActivities({ ...host, store: silent }).cleanUpBackup(order));
  cleaning.result.catch(() => undefined);
  await until(() => Promise.resolve(asked > 0), 60_000);
  expect(existsSync(left)).toBe(false);
  const { settings, log } = host;
  const other = { operation: 'another backup', waitMs: 0, stateDirectory: settings.state_directory, log };
  const lock = await lockServer({ server: settings.server, ...other });
  await lock.release();
  answer.reject(new TidemarkError('storage_timeout', 'It did not answer in time.'));
  // The deployment's own store is asked until it answers.
  await expect(cleaning.result).rejects.toMatchObject({ code: 'storage_timeout', retryable: true });
});

test("a customer's bucket that does not answer is asked again, and given up after an hour", async () => {
  // A port that nobody listens on any more.
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  const endpoint = `127.0.0.1:${port}`;
  const credentials = {
    scheme: 's3' as const,
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'a secret of a test',
    region: 'us-east-1',
    endpointUrl: `http://${endpoint}`,
  };
  const purpose = { agentId, backupId: order.backupId };
  const gone = { location: 's3://mine/tidemark', credentials, endpoints: [endpoint] };
  const bucket = sealBucketFor(gone, purpose, age.recipient);
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (fields: unknown) => void warnings.push(fields) };
  const begunAt = async (ms: number): Promise<unknown> =>
    await runActivity(
      () => backupActivities({ ...host, log }).cleanUpBackup({ ...order, bucket }),
      undefined,
      ms,
    ).result;
  await expect(begunAt(Date.now())).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
  await mkdir(left, { recursive: true });
  expect(await begunAt(Date.now() - 2 * 3_600_000)).toBeNull();
  expect(existsSync(left)).toBe(false);
  expect(warnings).toContainEqual({ storage: 's3://mine/tidemark', error: 'storage_unavailable' });
});
