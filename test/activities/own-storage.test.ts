/** A storage is known again, and another one is told from it. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { recognizeStorage } from '../../activities/control/own-storage.ts';
import { openCatalog } from '../../catalog/open.ts';
import type { BackupRecord, Catalog } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { openLazily, openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { finishedBackup, registered } from '../catalog/records.ts';

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
  const refusal = foreign(`storage ${second.location} has none`, `in ${first.location}:`);
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
