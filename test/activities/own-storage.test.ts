/** A storage is known again, and another one is told from it. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { recognizeStorage } from '../../activities/control/own-storage.ts';
import { backupActivities } from '../../activities/host/backup.ts';
import { binarylogActivities } from '../../activities/host/binarylog.ts';
import type { HostBackupInput } from '../../activities/host/contract.ts';
import { followActivities } from '../../activities/host/follow.ts';
import type { Host } from '../../activities/host/host.ts';
import { openCatalog } from '../../catalog/open.ts';
import type { BackupRecord, Catalog } from '../../catalog/types.ts';
import type { FollowReport } from '../../domain/archive/facts.ts';
import { noEncryption } from '../../domain/encryption.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { openLazily, openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { finishedBackup, registered } from '../catalog/records.ts';
import { keysOf } from '../storage/support.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';

let folder: string;
let catalog: Catalog;
let first: ObjectStore;
let second: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'own-storage-'));
  catalog = await openCatalog(`sqlite://${folder}/catalog.db`);
  await catalog.migrate();
  first = await openStore(`file://${folder}/first`);
  second = await openStore(`file://${folder}/second`);
});
afterEach(async () => {
  await catalog.close();
  await rm(folder, { recursive: true });
});

/** A backup that the catalog lists and a storage has. */
async function backupIn(store: ObjectStore): Promise<BackupRecord> {
  const backup = await finishedBackup(catalog, await registered(catalog));
  await store.put(objectKeys.manifest(backup.id), Buffer.from('{}'));
  return backup;
}

async function marked(store: ObjectStore): Promise<boolean> {
  const mark = objectKeys.deployment(await catalog.deploymentId());
  return await store.stat(mark).then(
    () => true,
    () => false,
  );
}

const foreign = (...parts: string[]): object => ({
  code: 'storage_foreign',
  retryable: false,
  message: expect.stringMatching(new RegExp(parts.join('.*'))) as unknown,
});

test('before there are backups any storage is right, and is noted', async () => {
  await recognizeStorage(first, catalog);
  expect([await marked(first), await catalog.managedStorage()]).toEqual([true, first.location]);
  await recognizeStorage(second, catalog);
  expect(await catalog.managedStorage()).toBe(second.location);
});

test('one that has none of the backups is refused, naming both, and nothing is written to it', async () => {
  await recognizeStorage(first, catalog);
  await backupIn(first);
  const refusal = foreign(`storage ${second.location} does not have the newest`, `in ${first.location}:`);
  await expect(recognizeStorage(second, catalog)).rejects.toMatchObject(refusal);
  const elsewhere = { movedFrom: `file://${folder}/third` };
  await expect(recognizeStorage(second, catalog, elsewhere)).rejects.toMatchObject(refusal);
  expect([await marked(second), await catalog.managedStorage()]).toEqual([false, first.location]);
  await recognizeStorage(first, catalog);
});

test('one of a deployment of before is known by its backups, where its agent says they are', async () => {
  await backupIn(first);
  await catalog.noteManagedStorage('');
  await expect(recognizeStorage(second, catalog)).rejects.toMatchObject(foreign('They are in file:'));
  await recognizeStorage(first, catalog);
  expect([await marked(first), await catalog.managedStorage()]).toEqual([true, first.location]);
});

test('one that is named as moved is taken, and both are known from then on', async () => {
  await recognizeStorage(first, catalog);
  await backupIn(first);
  await recognizeStorage(second, catalog, { movedFrom: `${first.location}/` });
  expect([await marked(second), await catalog.managedStorage()]).toEqual([true, second.location]);
  await recognizeStorage(second, catalog);
  await recognizeStorage(first, catalog);
});

test('a slip back to one that was left is refused, whatever mark is in it, until that is meant', async () => {
  await recognizeStorage(first, catalog);
  await backupIn(first);
  await recognizeStorage(second, catalog, { movedFrom: first.location });
  await backupIn(second);
  const refusal = foreign(`storage ${first.location} does not have the newest`, `in ${second.location}:`);
  await expect(recognizeStorage(first, catalog)).rejects.toMatchObject(refusal);
  await expect(recognizeStorage(first, catalog, { movedFrom: first.location })).rejects.toMatchObject(
    refusal,
  );
  await recognizeStorage(second, catalog, { movedFrom: first.location });
  await recognizeStorage(first, catalog, { movedFrom: second.location });
  expect(await catalog.managedStorage()).toBe(first.location);
});

test('what was brought along with all that lies in it needs no word', async () => {
  await recognizeStorage(first, catalog);
  await backupIn(first);
  await rm(path.join(folder, 'second'), { recursive: true });
  await cp(path.join(folder, 'first'), path.join(folder, 'second'), { recursive: true });
  await recognizeStorage(await openStore(`file://${folder}/second`), catalog);
});

test('the same place, emptied, is refused until that is said, too', async () => {
  await recognizeStorage(first, catalog);
  await backupIn(first);
  for (const name of await readdir(path.join(folder, 'first')))
    if (name !== '.tidemark-temporary') await rm(path.join(folder, 'first', name), { recursive: true });
  await expect(recognizeStorage(first, catalog)).rejects.toMatchObject(foreign('whole, and mounted'));
  await recognizeStorage(first, catalog, { movedFrom: first.location });
});

test('who may only read finds the backups each time', async () => {
  await backupIn(first);
  const put = async (): Promise<never> => {
    throw new TidemarkError('storage_forbidden', 'No writing here.');
  };
  const readOnly: ObjectStore = {
    location: first.location,
    put,
    replace: put,
    delete: put,
    get: (...args) => first.get(...args),
    stat: (...args) => first.stat(...args),
    list: (...args) => first.list(...args),
  };
  await recognizeStorage(readOnly, catalog);
  expect(await marked(first)).toBe(false);
});

test('a store that is opened when it is needed answers nothing while it is the wrong one', async () => {
  await recognizeStorage(first, catalog);
  const { id } = await backupIn(first);
  const quiet = (): void => undefined;
  const store = openLazily(second.location, {
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    confirm: (opened) => recognizeStorage(opened, catalog),
  });
  for (const ask of [
    () => store.stat(objectKeys.manifest(id)),
    () => store.put('a', Buffer.from('a')),
    () => store.delete('a'),
  ])
    await expect(ask()).rejects.toMatchObject({ code: 'storage_foreign' });
});

describe('an agent', () => {
  const backupId = `${'0a'.repeat(16)}:own-1:own-1`;

  async function unmounted(): Promise<Host> {
    return await openHost(
      {
        service_id: 'own-1',
        state_directory: path.join(folder, 'state'),
        storage: `file://${folder}/second`,
        server: { defaults_file: path.join(folder, 'none.cnf') },
      },
      second,
    );
  }
  const order = async (): Promise<HostBackupInput> => ({
    backupId,
    serviceId: 'own-1',
    workflowId: 'backup/of-a-test',
    deploymentId: await catalog.deploymentId(),
  });

  test('takes no backup, and names none, where the control worker has left no mark', async () => {
    await recognizeStorage(first, catalog);
    const host = await unmounted();
    const { takeBackup } = backupActivities(host);
    const backup = await order();
    await expect(runActivity(() => takeBackup(backup)).result).rejects.toMatchObject(foreign('mounted'));
    const point = { file: 'bin.000001', position: 4, gtid: '' };
    const reached = { timeline: '', archived: point, lookedAt: '', lagBytes: 0, spoolBytes: 0, trouble: '' };
    const { writeBinlogManifest } = binarylogActivities(host);
    const range = { ...backup, begins: { full: point }, reached };
    await expect(runActivity(() => writeBinlogManifest(range)).result).rejects.toMatchObject(
      foreign('mounted'),
    );
    expect(await keysOf(second)).toEqual([]);
  });

  test('archives no binlog there, and says why', async () => {
    await recognizeStorage(first, catalog);
    const host = await unmounted();
    const told = Promise.withResolvers<FollowReport>();
    host.signReport = ({ report }) => {
      told.resolve(report);
      return { report: '', signature: '' };
    };
    const { deploymentId } = await order();
    const given = {
      serviceId: 'own-1',
      workflowId: 'follow/own-1',
      session: 'a-session',
      deploymentId,
      intervalMs: 1_000,
      encryption: noEncryption,
      start: { file: 'bin.000001', position: 4 },
    };
    const end = new AbortController();
    const { result } = runActivity(() => followActivities(host).followBinlog(given), end.signal);
    result.catch(() => undefined);
    expect((await told.promise).state.trouble).toContain(
      `The storage ${second.location} is not this deployment's`,
    );
    end.abort(new Error('the test is over'));
    await expect(result).rejects.toThrow();
    expect(await keysOf(second)).toEqual([]);
  });
});
