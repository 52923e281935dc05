/** An object that is read in ranges, while somebody may replace it. */
import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readObject } from '../../storage/object-stream.ts';
import type { ListedObject, ObjectStore } from '../../storage/store.ts';
import { failure, type Folder, newFolder, openAt } from './support.ts';

let folder: Folder;
let store: ObjectStore;
const key = 'a/backup.tar';
/** Of three ranges. */
const body = randomBytes(20 * 1024 ** 2);

beforeAll(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
});
afterAll(() => folder.remove());

/** @param between done once the first piece came */
async function readAll(object: ListedObject, between: () => Promise<void>, from = store): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readObject(from, object, { ahead: 0 })) {
    if (pieces.length === 0) await between();
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

async function look(): Promise<ListedObject> {
  await store.replace(key, body);
  return { key, ...(await store.stat(key)) };
}

test('one that nobody touches comes as it is', async () => {
  const read = await readAll(await look(), async () => undefined);
  expect(read.equals(body)).toBe(true);
});

test('another one of the same size in its place is no part of what is read', async () => {
  const replaced = readAll(await look(), () => store.replace(key, randomBytes(body.length)));
  await expect(replaced).rejects.toEqual(failure('source_changed'));
});

test('nor is what is written to it', async () => {
  const written = readAll(await look(), () => appendFile(path.join(folder.path, key), 'more'));
  await expect(written).rejects.toEqual(failure('source_changed'));
});

test('where there are no versions, another size is seen at the end', async () => {
  const { bytes } = await look();
  const longer = readAll({ key, bytes }, () => appendFile(path.join(folder.path, key), 'more'));
  await expect(longer).rejects.toEqual(failure('source_changed'));
});
