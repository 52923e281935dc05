/** A backup copied to another place: whole, last its manifest, and never a wrong byte. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { copyBackup, type CopyOptions, type CopyResult } from '../../storage/copy.ts';
import { readManifest, writeManifest } from '../../storage/manifest.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { verifyBackup } from '../../storage/verify.ts';
import { readWriterMark } from '../../storage/writer-mark.ts';
import { backupId, putParts } from './backup.ts';
import { failure, type Folder, keysOf, newFolder, openAt } from './support.ts';

let folder: Folder;
let source: ObjectStore;
let other: ObjectStore;
let target: ObjectStore;
let manifest: Manifest;
let manifestSha256: string;

beforeEach(async () => {
  folder = await newFolder();
  [source, other, target] = (await Promise.all(
    ['source', 'other', 'target'].map((name) => openAt(path.join(folder.path, name))),
  )) as [ObjectStore, ObjectStore, ObjectStore];
  manifest = await putParts(source);
  manifestSha256 = (await writeManifest(source, manifest)).sha256;
});

afterEach(() => folder.remove());

function copy(options: Partial<CopyOptions> = {}, sources = [source]): Promise<CopyResult> {
  return copyBackup(sources, target, backupId, {
    manifestSha256,
    mayGoOn: async () => undefined,
    signal: new AbortController().signal,
    ...options,
  });
}

const part = (index: number): string => objectKeys.part(backupId, index);

/** A store in which some requests go wrong. */
function faulty(store: ObjectStore, changes: Partial<ObjectStore>): ObjectStore {
  return {
    location: store.location,
    put: (...args) => store.put(...args),
    replace: (...args) => store.replace(...args),
    get: (...args) => store.get(...args),
    stat: (...args) => store.stat(...args),
    list: (...args) => store.list(...args),
    delete: (...args) => store.delete(...args),
    ...changes,
  };
}

const away = async (): Promise<never> => {
  throw new TidemarkError('storage_unavailable', 'The store is away.');
};

describe('a copy', () => {
  test('is the same objects, the manifest last', async () => {
    await source.replace(objectKeys.service('orders'), Buffer.from('{"of":"the service"}'));
    const written: string[] = [];
    target = faulty(target, {
      put: async (key, ...rest) => {
        written.push(key);
        await openAt(path.join(folder.path, 'target')).then((store) => store.put(key, ...rest));
      },
    });
    const steps: number[] = [];
    const result = await copy({ onProgress: (done) => steps.push(done) });
    expect(result).toEqual({ objects: 6, bytes: 4500, sentBytes: 4500 });
    expect(written[0]).toBe(objectKeys.writer(backupId));
    expect(written.at(-1)).toBe(objectKeys.manifest(backupId));
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(steps.at(-1)).toBe(4500);
    const read = await readManifest(target, backupId, manifestSha256);
    await verifyBackup(target, read.manifest, { ahead: 2 });
    expect(await readWriterMark(target, objectKeys.backupFolder(backupId))).toEqual({
      backupId,
      deploymentId: manifest.deploymentId,
      workflowId: manifest.workflowId,
    });
    expect(String(await target.get(objectKeys.service('orders')))).toBe('{"of":"the service"}');
  });

  test('sends again only what is not there, and reads back what is', async () => {
    await target.put(part(1), await source.get(part(1)));
    await target.put(part(3), await source.get(part(3)));
    expect(await copy()).toEqual({ objects: 6, bytes: 4500, sentBytes: 2500 });
    expect(await copy()).toEqual({ objects: 6, bytes: 4500, sentBytes: 0 });
  });

  test('is refused where something else lies, and that is not overwritten', async () => {
    const theirs = Buffer.alloc(1000, 9);
    await target.put(part(2), theirs);
    await expect(copy()).rejects.toEqual(failure('object_exists'));
    expect(await target.get(part(2))).toEqual(theirs);
    expect(await keysOf(target)).not.toContain(objectKeys.manifest(backupId));
  });

  test('of a damaged part comes from where it is right, or not at all', async () => {
    await copyBackup([source], other, backupId, {
      manifestSha256,
      mayGoOn: async () => undefined,
      signal: new AbortController().signal,
    });
    await source.replace(part(4), Buffer.alloc(1000, 7));
    await expect(copy()).rejects.toMatchObject({
      code: 'object_damaged',
      message: expect.stringContaining(part(4)) as unknown,
    });
    expect(await keysOf(target)).not.toContain(objectKeys.manifest(backupId));
    const refused: string[] = [];
    const onRefusal: CopyOptions['onRefusal'] = ({ location }) => refused.push(location);
    expect(await copy({ onRefusal }, [source, other])).toMatchObject({ bytes: 4500 });
    expect(refused).toEqual([source.location]);
    await verifyBackup(target, manifest, { ahead: 2 });
  });

  test('is made from another place while the first is away', async () => {
    const whole = { manifestSha256, mayGoOn: async () => undefined, signal: new AbortController().signal };
    await copyBackup([source], other, backupId, whole);
    const gone = faulty(source, { get: away, stat: away });
    expect(await copy({}, [gone, other])).toMatchObject({ bytes: 4500, sentBytes: 4500 });
  });

  test('of a backup that is removed meanwhile is never whole', async () => {
    let asked = 0;
    const mayGoOn = async (): Promise<void> => {
      asked += 1;
      if (asked > 1) throw new TidemarkError('backup_not_found', 'It was removed.');
    };
    await expect(copy({ mayGoOn })).rejects.toEqual(failure('backup_not_found'));
    expect(await keysOf(target)).not.toContain(objectKeys.manifest(backupId));
  });

  test('ends when it is called off, with nothing under way any more', async () => {
    const calledOff = new AbortController();
    let under = 0;
    target = faulty(target, {
      put: async (key, body, signal) => {
        if (key === part(2)) calledOff.abort();
        under += 1;
        await (
          await openAt(path.join(folder.path, 'target'))
        )
          .put(key, body, signal)
          .finally(() => (under -= 1));
      },
    });
    await expect(copy({ signal: calledOff.signal })).rejects.toEqual(failure('operation_cancelled'));
    expect(under).toBe(0);
    expect(await keysOf(target)).not.toContain(objectKeys.manifest(backupId));
  });

  test('with a manifest that is another one is refused', async () => {
    await writeManifest(target, { ...manifest, memoryTables: [] });
    await expect(copy()).rejects.toEqual(failure('object_exists'));
  });
});
