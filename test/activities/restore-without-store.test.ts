/** In place, a store that goes away or turns restores down must not leave a server without data. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { backupActivities } from '../../activities/host/backup.ts';
import { Following } from '../../activities/host/following.ts';
import { type Host, operationFolder, Turn } from '../../activities/host/host.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { operationOf } from '../../activities/host/site.ts';
import { swapActivities } from '../../activities/host/swap.ts';
import { agentSettings } from '../../config/agent.ts';
import { type ErrorName, TidemarkError } from '../../domain/errors.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { runActivity } from '../support/activity.ts';
import { markedFor } from '../support/host.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let host: Host;
let store: ObjectStore;
let before: Record<string, number | null>;
const backup = {
  backupId: `${'0e'.repeat(16)}:away-1:away-1`,
  serviceId: 'away-1',
  workflowId: 'backup/of-a-test',
  deploymentId: 'a-deployment',
};
const order = {
  restoreId: 1,
  workflowId: 'restore/of-a-test',
  backupId: backup.backupId,
  mode: 'in-place' as 'in-place' | 'side-by-side',
  manifestSha256: '',
};

beforeAll(async () => {
  server = await startTestServer({ name: 'away' });
  await server.loadSample({ rows: 200 });
  before = await server.checksums();
  const settings = agentSettings.parse({
    service_id: 'away-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
      control: server.settings.control,
    },
    backup: { part_size: '256K' },
  });
  store = await markedFor(backup.deploymentId, await openStore(settings.storage));
  host = {
    agentId: 'an-agent',
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
  const taken = await runActivity(() => backupActivities(host).takeBackup(backup)).result;
  order.manifestSha256 = taken.manifestSha256;
});
afterAll(() => server.remove());

const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;

/** The host over a store that throws where it is asked for these keys; else it is the real one. */
function withStore(thrown: () => Error, keys = /./): Host {
  const refuse = (key: string): void => {
    if (keys.test(key)) throw thrown();
  };
  const refusing: ObjectStore = {
    location: store.location,
    put: async (key, ...rest) => (refuse(key), await store.put(key, ...rest)),
    replace: async (key, ...rest) => (refuse(key), await store.replace(key, ...rest)),
    get: async (key, ...rest) => (refuse(key), await store.get(key, ...rest)),
    stat: async (key, ...rest) => (refuse(key), await store.stat(key, ...rest)),
    delete: async (key, ...rest) => (refuse(key), await store.delete(key, ...rest)),
    list: (prefix, ...rest) => (refuse(prefix), store.list(prefix, ...rest)),
  };
  return { ...host, store: refusing };
}
const refusing = (code: ErrorName): Host => withStore(() => new TidemarkError(code, 'Not any more.'));

describe('in place', () => {
  test('what a store refuses ends the restore before the data is gone, and is tried again afterwards', async () => {
    const revoked = refusing('storage_credentials_refused');
    await expect(run(() => restoreActivities(revoked).verifyObjects(order))).rejects.toMatchObject({
      code: 'storage_credentials_refused',
      retryable: false,
    });
    await run(() => restoreActivities(host).verifyObjects(order));
    await run(() => swapActivities(host).stopServer(order));
    await run(() => swapActivities(host).emptyData(order));
    for (const code of ['storage_credentials_refused', 'storage_forbidden', 'endpoint_refused'] as const) {
      const failed: unknown = await run(() => restoreActivities(refusing(code)).fetchBackup(order)).catch(
        (error: unknown) => error,
      );
      expect(failed).toBeInstanceOf(ApplicationFailure);
      expect(failed).toMatchObject({ type: code, message: 'Not any more.', nonRetryable: false });
    }
    // One that is damaged stays so.
    await expect(
      run(() => restoreActivities(refusing('object_damaged')).fetchBackup(order)),
    ).rejects.toMatchObject({ code: 'object_damaged', retryable: false });
  });

  test('the server comes back although the store went away once the backup was fetched', async () => {
    await run(() => restoreActivities(host).fetchBackup(order));
    const without = restoreActivities(refusing('storage_credentials_refused'));
    await run(() => without.prepareBackup(order));
    await run(() => without.checkCopy(order));
    await run(() => swapActivities(host).startServer(order));
    expect(await server.checksums()).toEqual(before);
  });
});

describe('a manifest that is kept', () => {
  test('is not believed once its bytes were changed: the store is asked again', async () => {
    const again = { ...order, restoreId: 2, mode: 'side-by-side' as const };
    const own = operationFolder(host.settings.state_directory, operationOf(again));
    const file = path.join(own, `manifest-${order.manifestSha256}.json`);
    await run(() => restoreActivities(host).verifyObjects(again));
    const text = await readFile(file, 'utf8');
    const changed = text.replace(/"toLsn":\d+/, '"toLsn":1');
    expect(changed).not.toBe(text);
    await writeFile(file, changed);
    const forbidden = restoreActivities(refusing('storage_forbidden'));
    await expect(run(() => forbidden.prepareBackup(again))).rejects.toMatchObject({
      code: 'storage_forbidden',
    });
    await run(() => restoreActivities(host).verifyObjects(again));
    expect(await readFile(file, 'utf8')).toBe(text);
    await run(() => swapActivities(host).putBack(again));
  });
});

describe('side by side', () => {
  test('an error that nobody foresaw ends the fetch, with that error', async () => {
    const again = { ...order, restoreId: 3, mode: 'side-by-side' as const };
    const failing = withStore(() => new RangeError('a defect'), /part-/);
    await expect(run(() => restoreActivities(failing).fetchBackup(again))).rejects.toThrow('a defect');
    await run(() => swapActivities(host).putBack(again));
  });

  test('the copy is synced once more after it was prepared', async () => {
    const again = { ...order, restoreId: 4, mode: 'side-by-side' as const };
    await run(() => restoreActivities(host).fetchBackup(again));
    // In place of the system's sync one that writes down how far the copy was prepared.
    const programs = path.join(server.folder, 'programs');
    const seen = path.join(server.folder, 'seen');
    await mkdir(programs);
    await writeFile(
      path.join(programs, 'sync'),
      `#!/bin/sh\ncat "$2"/*_checkpoints | grep backup_type >> '${seen}'\n`,
    );
    await chmod(path.join(programs, 'sync'), 0o755);
    const { PATH } = process.env;
    process.env['PATH'] = `${programs}:${PATH}`;
    try {
      await run(() => restoreActivities(host).prepareBackup(again));
    } finally {
      process.env['PATH'] = PATH;
    }
    expect((await readFile(seen, 'utf8')).trim().split('\n').at(-1)).toBe('backup_type = log-applied');
    await run(() => swapActivities(host).putBack(again));
  });
});
