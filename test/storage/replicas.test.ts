/** A backup that lies in several places: the first that answers, and another one in the middle. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { readParts } from '../../storage/parts.ts';
import { firstOf, Replicas } from '../../storage/replicas.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { putParts } from './backup.ts';
import { failure, type Folder, newFolder, openAt } from './support.ts';

let folder: Folder;
let stores: ObjectStore[];
let manifest: Manifest;

beforeEach(async () => {
  folder = await newFolder();
  stores = await Promise.all(['one', 'two', 'three'].map((name) => openAt(path.join(folder.path, name))));
  for (const store of stores) manifest = await putParts(store);
});

afterEach(() => folder.remove());

const away = new TidemarkError('storage_unavailable', 'It is away.');

async function read(from: Replicas): Promise<string> {
  const [stream] = manifest.streams;
  if (!stream) throw new Error('there is no stream');
  const bytes: string[] = [];
  for await (const part of readParts(from, stream, { ahead: 2, reuse: true })) bytes.push(String(part[0]));
  return bytes.join(' ');
}

/** How often each store was asked for a part, and from which on the first one is away. */
function counted(store: ObjectStore, awayAfter = Infinity): { store: ObjectStore; asked: () => number } {
  let asked = 0;
  const get: ObjectStore['get'] = async (...args) => {
    asked += 1;
    if (asked > awayAfter) throw away;
    return store.get(...args);
  };
  return {
    store: Object.assign(Object.create(store) as ObjectStore, { location: store.location, get }),
    asked: () => asked,
  };
}

test('each part comes from the first place that has it right, and a place that is away is left', async () => {
  const [one, two, three] = stores as [ObjectStore, ObjectStore, ObjectStore];
  const [damaged, missing] = manifest.streams[0]?.parts ?? [];
  await one.replace(damaged?.key ?? '', Buffer.alloc(1000, 9));
  await two.delete(missing?.key ?? '');
  const first = counted(one, 4);
  const refused: string[] = [];
  const from = new Replicas([first.store, two, three], ({ location, error }) =>
    refused.push(`${location} ${error.code}`),
  );
  expect(await read(from)).toBe('1 2 3 4 5');
  expect(refused).toContain(`${one.location} object_damaged`);
  expect(refused).toContain(`${one.location} storage_unavailable`);
  // Two for the damaged part, two parts, and those that were under way when it went away.
  expect(first.asked()).toBeLessThanOrEqual(7);
  expect(from.given.toSorted()).toEqual([one.location, two.location].toSorted());
});

test('when all places fail at once each is asked once more, with the patience that one without others gets', async () => {
  const [one, two] = stores as [ObjectStore, ObjectStore, ObjectStore];
  const [first, second] = [counted(one, 0), counted(two, 0)];
  const refused: string[] = [];
  const from = new Replicas([first.store, second.store], ({ location }) => refused.push(location), [
    counted(one, 0).store,
    two,
  ]);
  expect(await read(from)).toBe('1 2 3 4 5');
  expect(from.given).toEqual([two.location]);
  expect(refused).toContain(one.location);

  // What is gone for good is not asked for again.
  const key = manifest.streams[0]?.parts[0]?.key ?? '';
  for (const store of [one, two]) await store.delete(key);
  const patient = counted(one);
  const gone = read(new Replicas([one, two], undefined, [patient.store, two]));
  await expect(gone).rejects.toEqual(failure('object_missing'));
  expect(patient.asked()).toBe(0);
});

test('what no place has is an error that names each with its reason, and may pass when one of them may', async () => {
  const [one, two] = stores as [ObjectStore, ObjectStore, ObjectStore];
  const key = manifest.streams[0]?.parts[2]?.key ?? '';
  await one.delete(key);
  const reading = read(new Replicas([one, counted(two, 0).store]));
  await expect(reading).rejects.toEqual(failure('storage_unavailable'));
  const words = [key, one.location, 'There is no object', two.location, 'It is away.'];
  for (const word of words) await expect(reading).rejects.toThrow(word);
});

test('a place that does not answer is not waited for, and is let go', async () => {
  let letGo = false;
  const silent = (signal: AbortSignal): Promise<string> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        letGo = true;
        reject(away);
      });
    });
  const found = await firstOf(stores, 'The manifest', (store, signal) =>
    store === stores[0]
      ? silent(signal)
      : store === stores[1]
        ? Promise.reject(away)
        : Promise.resolve('here'),
  );
  expect(found).toMatchObject({ answer: 'here', place: 2, refusals: [{ error: away }] });
  expect(letGo).toBe(true);
  const calledOff = AbortSignal.timeout(50);
  const asking = firstOf(stores, 'The manifest', (_store, signal) => silent(signal), calledOff);
  await expect(asking).rejects.toEqual(failure('operation_cancelled'));
});
