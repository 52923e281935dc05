/** Reading a backup back: every damage is found, and nothing else is called one. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { type Damage, type Examination, mostDamageNamed, verdictOf } from '../../domain/verification.ts';
import { examineBackup } from '../../storage/examine.ts';
import { writeManifest } from '../../storage/manifest.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { backupId, putParts } from './backup.ts';
import { failure, newFolder, openAt, type Folder } from './support.ts';

let folder: Folder;
let store: ObjectStore;
let manifest: Manifest;
let manifestSha256: string;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  manifest = await putParts(store);
  ({ sha256: manifestSha256 } = await writeManifest(store, manifest));
});
afterEach(() => folder.remove());

const part = (index: number): string => objectKeys.part(backupId, index);
const key = objectKeys.manifest(backupId);
const alone = async (): Promise<{ parent: string }> => ({ parent: '' });

/** The store, but for what is asked for here. */
function over(get: ObjectStore['get']): ObjectStore {
  return {
    location: store.location,
    get,
    put: (...given) => store.put(...given),
    replace: (...given) => store.replace(...given),
    stat: (...given) => store.stat(...given),
    list: (...given) => store.list(...given),
    delete: (...given) => store.delete(...given),
  };
}

async function examine(from = store): Promise<Examination> {
  return await examineBackup(from, backupId, { known: async () => ({ manifestSha256, parent: '' }) });
}

describe('a backup that is whole', () => {
  test('is found to be, and every byte was read', async () => {
    const told: [number, number][] = [];
    const found = await examineBackup(store, backupId, {
      known: async () => ({ manifestSha256, parent: '' }),
      onProgress: (done, total) => told.push([done, total]),
    });
    expect(found).toEqual({ objectsCount: 6, bytesRead: 4500, damaged: [], damagedCount: 0 });
    expect(told.at(0)).toEqual([0, 4500]);
    expect(told.at(-1)).toEqual([4500, 4500]);
    expect(verdictOf(backupId, found)).toEqual({
      whole: true,
      message:
        'The backup is whole: 6 objects with 4.4 KiB were read back, and each has the digest that was recorded.',
    });
  });

  test('is still so when a part was missing, or other, for a moment', async () => {
    const asked = new Map<string, number>();
    const flaky = over(async (asKey, ...given) => {
      const times = (asked.get(asKey) ?? 0) + 1;
      asked.set(asKey, times);
      if (asKey === part(2) && times === 1) throw new TidemarkError('object_missing', 'It is not there.');
      const bytes = await store.get(asKey, ...given);
      if (asKey === part(3) && times === 1) bytes[0] = 99;
      return bytes;
    });
    expect((await examine(flaky)).damaged).toEqual([]);
  });
});

describe('damage', () => {
  async function rewrite(index: number, body: Buffer): Promise<void> {
    await store.replace(part(index), body);
  }

  test('is found wherever it is, all of it, in the order of the stream', async () => {
    const flipped = Buffer.alloc(1000, 1);
    flipped[500] = 0;
    await rewrite(1, flipped);
    await rewrite(2, Buffer.alloc(999, 2));
    await store.delete(part(3));
    await rewrite(5, Buffer.alloc(501, 5));
    const found = await examine();
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(found.damaged.map(({ object, finding }) => [object, finding])).toEqual([
      [part(1), `expected SHA-256 ${digest(Buffer.alloc(1000, 1))}, found ${digest(flipped)}`],
      [part(2), 'expected 1000 bytes, found 999 bytes'],
      [part(3), 'expected 1000 bytes, found no such object'],
      [part(5), 'expected 500 bytes, found more'],
    ]);
    const { whole, message } = verdictOf(backupId, found);
    expect(whole).toBe(false);
    expect(message).toMatch(
      new RegExp(`^The object ${part(1)} is damaged: expected SHA-256 \\w+, found \\w+\\.`),
    );
    expect(message).toContain('So are 3 more objects. Restore another backup, or ');
  });

  test.each([
    [
      'that is cut',
      async () => store.replace(key, (await store.get(key)).subarray(0, 300)),
      /^expected SHA-256/,
    ],
    ['that is missing', async () => store.delete(key), /^expected a manifest, found no such object$/],
  ])('of a manifest %s is found, and the parts cannot be', async (_what, damage, finding) => {
    await damage();
    const found = await examine();
    expect(found).toMatchObject({ objectsCount: 1, bytesRead: 0, damagedCount: 1 });
    expect(found.damaged[0]).toMatchObject({ backupId, object: key });
    expect(found.damaged[0]?.finding).toMatch(finding);
  });

  test('of a manifest whose digest nobody knows is found by what is in it', async () => {
    await store.replace(key, Buffer.from('{"format": 1, "backupId"'));
    const found = await examineBackup(store, backupId, { known: alone });
    expect(found.damaged[0]?.finding).toMatch(/^it is not JSON/);
  });

  test('of everything is counted, and named up to a hundred', async () => {
    const parts = Array.from({ length: 250 }, (_, index) => ({
      key: objectKeys.part(backupId, index + 1),
      bytes: 10,
      sha256: '0'.repeat(64),
    }));
    await store.delete(key);
    for (const index of [1, 2, 3, 4, 5]) await store.delete(part(index));
    await writeManifest(store, {
      ...manifest,
      storedBytes: 2500,
      streams: [{ name: 'data', bytes: 2500, parts }],
    });
    const found = await examineBackup(store, backupId, { known: alone });
    expect(found.damagedCount).toBe(250);
    expect(found.damaged).toHaveLength(mostDamageNamed);
    expect(verdictOf(backupId, found).message).toContain('So are 249 more objects.');
  });
});

describe('what says nothing of the backup', () => {
  test('ends the examination: a store that is away, an order that is called off, a newer format', async () => {
    const away = over(async (asKey, ...given) => {
      if (asKey === part(4)) throw new TidemarkError('storage_unavailable', 'It is away.');
      return await store.get(asKey, ...given);
    });
    await expect(examine(away)).rejects.toEqual(failure('storage_unavailable'));
    const signal = AbortSignal.abort(new TidemarkError('operation_cancelled', 'Enough.'));
    await expect(examineBackup(store, backupId, { known: alone, signal })).rejects.toEqual(
      failure('operation_cancelled'),
    );
    await store.replace(key, Buffer.from('{"format": 99}'));
    await expect(examineBackup(store, backupId, { known: alone })).rejects.toEqual(failure('not_available'));
  });
});

describe('a chain', () => {
  const child = `${'c'.repeat(32)}:orders:orders-0`;

  /** A backup that builds on another one. */
  async function putChild(parent: string): Promise<void> {
    const body = Buffer.from('increment');
    const record = {
      key: objectKeys.part(child, 1),
      bytes: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
    };
    await store.put(record.key, body);
    const { toLsn } = manifest.lineage;
    const content = {
      ...manifest,
      backupId: child,
      type: 'incremental',
      lineage: { ...manifest.lineage, parent, fromLsn: toLsn, toLsn: toLsn + 1, lastLsn: toLsn + 1 },
      storedBytes: body.length,
      streams: [{ name: 'data', bytes: body.length, parts: [record] }],
    };
    // As it is: what is not right is not written by those who take backups.
    await store.put(objectKeys.manifest(child), Buffer.from(JSON.stringify(content)));
  }

  const examineChild = async (recorded = ''): Promise<Examination> =>
    await examineBackup(store, child, {
      known: async (id) => ({ parent: id === child ? recorded : '' }),
    });

  test('is walked to its full, whose damage is the damage of what builds on it', async () => {
    await putChild(backupId);
    expect(await examineChild()).toEqual({
      objectsCount: 8,
      bytesRead: 4509,
      damaged: [],
      damagedCount: 0,
    });
    await store.delete(part(2));
    const found = await examineChild();
    const damage: Damage = {
      backupId,
      object: part(2),
      finding: 'expected 1000 bytes, found no such object',
    };
    expect(found).toMatchObject({ damaged: [damage], damagedCount: 1 });
    expect(verdictOf(child, found).message).toContain(
      `It belongs to the backup ${backupId}, on which this one builds.`,
    );
  });

  test('is walked on by what the catalog knows where a manifest is lost', async () => {
    await putChild(backupId);
    await store.delete(objectKeys.manifest(child));
    await store.delete(part(5));
    const found = await examineChild(backupId);
    expect(found.damaged.map(({ object }) => object)).toEqual([objectKeys.manifest(child), part(5)]);
  });

  test.each([
    ['itself', child],
    ['another service', `${'d'.repeat(32)}:billing:b-0`],
    ['what is no backup', 'nonsense'],
  ])('that leads to %s is damage, and is followed no further', async (_what, parent) => {
    await putChild(parent);
    const found = await examineChild();
    expect(found).toMatchObject({ objectsCount: 1, damagedCount: 1 });
    expect(found.damaged[0]?.finding).toContain(`lineage.parent: ${parent} is not another backup of orders`);
  });
});
