import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { objectKeys } from '../../../domain/ids.ts';
import { marked } from '../../../storage/decorators/marked.ts';
import type { ObjectStore } from '../../../storage/store.ts';
import { watch } from '../instrumented.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from '../support.ts';

const deployment = '0d5e7a52-8a0c-4b07-9e0f-2f3c6f1c6f00';
const mark = objectKeys.deployment(deployment);
const body = Buffer.from('body');

let folder: Folder;
let place: string;
let store: ObjectStore;
beforeEach(async () => {
  folder = await newFolder();
  place = path.join(folder.path, 'mounted');
  store = await openAt(place);
});
afterEach(() => folder.remove());

test('a storage without the mark takes nothing and answers nothing', async () => {
  await store.put(objectKeys.deployment('another'), body);
  await store.put('there', body);
  const own = marked(store, deployment);
  for (const ask of [
    () => own.put('a', body),
    () => own.replace('a', body),
    () => own.get('there'),
    () => own.stat('there'),
    () => own.delete('there'),
    () => keysOf(own),
  ])
    await expect(ask()).rejects.toEqual(failure('storage_foreign'));
  expect(await keysOf(store)).toEqual([objectKeys.deployment('another'), 'there']);
});

test('one with the mark does as it is asked', async () => {
  await store.put(mark, body);
  const own = marked(store, deployment);
  await own.put('a', body);
  await own.replace('a', Buffer.from('other'));
  expect((await own.get('a')).toString()).toBe('other');
  expect(await own.stat('a')).toMatchObject({ bytes: 5 });
  expect(await keysOf(own)).toEqual([mark, 'a']);
  await own.delete('a');
  expect(await keysOf(store)).toEqual([mark]);
});

test('a directory that is not mounted any more takes nothing from the next moment on', async () => {
  await store.put(mark, body);
  const own = marked(store, deployment);
  await own.put('before', body);
  await rename(place, `${place}-away`);
  // What lies below a mount point, where an agent was started once without it.
  const below = await openAt(place);
  await expect(own.put('after', body)).rejects.toEqual(failure('storage_foreign'));
  expect(await keysOf(below)).toEqual([]);
  await rename(place, path.join(folder.path, 'below'));
  await mkdir(path.dirname(place), { recursive: true });
  await rename(`${place}-away`, place);
  await own.put('after', body);
});

test('a bucket, which stays where it is, is asked once for many requests', async () => {
  await store.put(mark, body);
  let asked = 0;
  const bucket = watch(store, {
    before: (operation, key) => {
      if (operation === 'stat' && key === mark) asked += 1;
    },
  });
  const own = marked(Object.assign(bucket, { location: 's3://bucket/prefix' }), deployment);
  for (const key of ['a', 'b', 'c']) await own.put(key, body);
  expect(asked).toBe(1);
});
