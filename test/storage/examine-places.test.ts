/** A backup that is kept in several places is read back in each, and what came of it is said of each. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { type Examination, verdictOf } from '../../domain/verification.ts';
import { examinePlaces } from '../../storage/examine-places.ts';
import { writeManifest } from '../../storage/manifest.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { putParts } from './backup.ts';
import { failure, type Folder, newFolder, openAt } from './support.ts';

let folder: Folder;
let stores: ObjectStore[];
let manifest: Manifest;

beforeEach(async () => {
  folder = await newFolder();
  stores = await Promise.all(['one', 'two', 'three'].map((name) => openAt(path.join(folder.path, name))));
  for (const store of stores) {
    manifest = await putParts(store);
    await writeManifest(store, manifest);
  }
});
afterEach(() => folder.remove());

const known = async (): Promise<{ parent: string }> => ({ parent: '' });

async function examine(
  places = stores,
  onProgress?: (done: number, total: number) => void,
): Promise<Examination> {
  return await examinePlaces(places, manifest.backupId, { known, ...(onProgress && { onProgress }) });
}

function verdict(found: Examination): string {
  return verdictOf(manifest.backupId, found).message;
}

function away({ location }: ObjectStore): ObjectStore {
  const refuse = async (): Promise<never> => {
    throw new TidemarkError('storage_unavailable', 'It is away.');
  };
  return {
    location,
    put: refuse,
    replace: refuse,
    delete: refuse,
    get: refuse,
    stat: refuse,
    list: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
  };
}

test('one that is whole everywhere is said to be, by the names of the places', async () => {
  const seen: [number, number][] = [];
  const found = await examine(stores, (done, total) => seen.push([done, total]));
  const parts = manifest.streams[0]?.parts.length ?? 0;
  expect(found).toMatchObject({
    objectsCount: 3 * (parts + 1),
    bytesRead: 3 * manifest.storedBytes,
    damagedCount: 0,
  });
  const names = stores.map(({ location }) => location).join(' and ');
  expect(verdictOf(manifest.backupId, found).whole).toBe(true);
  expect(verdict(found)).toContain(`The backup is whole in ${names}: `);
  expect(seen.at(-1)).toEqual([3 * manifest.storedBytes, 3 * manifest.storedBytes]);
  // It never goes back.
  expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).toSorted((a, b) => a - b));
});

test('what is damaged or missing is told with its place, and where the backup is whole', async () => {
  const [one, two, three] = stores as [ObjectStore, ObjectStore, ObjectStore];
  const [first, second] = manifest.streams[0]?.parts ?? [];
  await two.delete(first?.key ?? '');
  await three.replace(second?.key ?? '', Buffer.alloc(1000, 9));
  const found = await examine();
  expect(found.damaged.map(({ object, location }) => [object, location])).toEqual([
    [first?.key, two.location],
    [second?.key, three.location],
  ]);
  expect(found.places).toEqual([
    { location: one.location, damagedCount: 0 },
    { location: two.location, damagedCount: 1 },
    { location: three.location, damagedCount: 1 },
  ]);
  expect(verdictOf(manifest.backupId, found).whole).toBe(false);
  expect(verdict(found)).toBe(
    `The object ${first?.key} in ${two.location} is not there: expected ${first?.bytes} bytes. So is 1 more object. ` +
      `Missing or damaged are 1 in ${two.location}, 1 in ${three.location}. ` +
      `It is whole in ${one.location}, where a restore reads it.`,
  );
});

test('a place that cannot be read is told, and one that can is read all the same', async () => {
  const [one, two] = stores as [ObjectStore, ObjectStore, ObjectStore];
  const found = await examine([away(one), two]);
  expect(found).toMatchObject({ damagedCount: 0, bytesRead: manifest.storedBytes });
  expect(verdictOf(manifest.backupId, found).whole).toBe(false);
  expect(verdict(found)).toMatch(
    /The backup is whole in .*two: .* It could not be read in .*one: It is away\./,
  );
  await expect(examine([away(one), away(two)])).rejects.toEqual(failure('storage_unavailable'));
});

test('a result of an earlier version, which names no places, is told as before', () => {
  const damage = { backupId: 'a:b:c', object: 'o', finding: 'expected SHA-256 1, found 2' };
  const message = verdict({ objectsCount: 2, bytesRead: 3, damaged: [damage], damagedCount: 1 });
  expect(message).toMatch(/^The object o is damaged: expected SHA-256 1, found 2\. .*Restore another backup/);
});
