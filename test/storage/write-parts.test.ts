import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { TidemarkError } from '../../domain/errors.ts';
import { writeParts } from '../../storage/parts.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { gate, watch } from './instrumented.ts';
import { settle, sourceOf } from './sources.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from './support.ts';

const partSize = 1000;
const keyOf = (index: number): string => `stream/part-${String(index).padStart(6, '0')}`;

let folder: Folder;
let store: ObjectStore;
let abort: AbortController;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  abort = new AbortController();
});
afterEach(() => folder.remove());

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const common = () => ({ keyOf, partSize, inFlight: 3, signal: abort.signal });

describe('a stream that is written', () => {
  test.each([
    { bytes: 1, chunk: 100, parts: [1] },
    { bytes: 999, chunk: 100, parts: [999] },
    { bytes: 1000, chunk: 1000, parts: [1000] },
    { bytes: 1001, chunk: 77, parts: [1000, 1] },
    { bytes: 3000, chunk: 999, parts: [1000, 1000, 1000] },
    { bytes: 5500, chunk: 5500, parts: [1000, 1000, 1000, 1000, 1000, 500] },
    { bytes: 2500, chunk: 1, parts: [1000, 1000, 500] },
    { bytes: 20_400, chunk: 2048, parts: [...Array.from({ length: 20 }, () => 1000), 400] },
  ])('of $bytes bytes in chunks of $chunk is the same bytes in parts', async ({ bytes, chunk, parts }) => {
    const content = randomBytes(bytes);
    const written = await writeParts(store, { ...common(), source: sourceOf(content, chunk) });

    expect(written.parts.map((part) => part.bytes)).toEqual(parts);
    expect(written.parts.map((part) => part.key)).toEqual(parts.map((_, index) => keyOf(index + 1)));
    expect(await keysOf(store)).toEqual(written.parts.map((part) => part.key));
    const stored = await Promise.all(written.parts.map((part) => store.get(part.key)));
    expect(written.parts.map((part) => part.sha256)).toEqual(stored.map(sha256));
    expect(Buffer.concat(stored).equals(content)).toBe(true);
    expect(written.bytes).toBe(bytes);
  });

  test('and is empty is one empty part', async () => {
    const written = await writeParts(store, { ...common(), source: sourceOf(Buffer.alloc(0), 10) });
    expect(written).toEqual({
      parts: [{ key: keyOf(1), bytes: 0, sha256: sha256(Buffer.alloc(0)) }],
      bytes: 0,
    });
    expect(await store.stat(keyOf(1))).toEqual({ bytes: 0 });
  });

  test('may hold empty chunks', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(0);
      yield Buffer.from('ab');
      yield Buffer.alloc(0);
    }
    expect(await writeParts(store, { ...common(), source: source() })).toMatchObject({ bytes: 2 });
  });

  test('tells how many bytes are stored, up to all of them', async () => {
    const told: number[] = [];
    const source = sourceOf(randomBytes(4500), 300);
    await writeParts(store, { ...common(), source, onProgress: (bytes) => told.push(bytes) });
    expect(told).toHaveLength(5);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(4500);
  });
});

describe('memory', () => {
  test('is a buffer for each put under way and one more, and the source waits while all are full', async () => {
    const held = gate();
    const watched = watch(store, { beforePut: () => held.opened });
    const source = sourceOf(randomBytes(50_000), 100);
    const writing = writeParts(watched, { ...common(), source });
    await settle();
    expect(watched.puts).toHaveLength(3);
    expect(source.pulled).toBe(4000);

    held.open();
    expect((await writing).parts).toHaveLength(50);
    expect(watched.mostUnderWay).toBe(3);
    expect(watched.memories.size).toBe(4);
  });
});

describe('the end of a stream', () => {
  test('is held back until beforeLast has agreed', async () => {
    const agreed = gate();
    const watched = watch(store);
    const writing = writeParts(watched, {
      ...common(),
      source: sourceOf(randomBytes(3000), 500),
      beforeLast: () => agreed.opened,
    });
    await settle();
    expect(watched.puts).toEqual([keyOf(1), keyOf(2)]);
    agreed.open();
    await writing;
    expect(watched.puts).toEqual([keyOf(1), keyOf(2), keyOf(3)]);
  });

  test('asks beforeLast once, after the source has ended', async () => {
    const source = sourceOf(randomBytes(2500), 100);
    const asked: number[] = [];
    const beforeLast = async (): Promise<void> => {
      asked.push(source.pulled);
    };
    await writeParts(store, { ...common(), source, beforeLast });
    expect(asked).toEqual([2500]);
  });

  test.each([0, 700, 1000, 2500])(
    'is not written when beforeLast refuses a stream of %d bytes',
    async (bytes) => {
      const refused = new TidemarkError('backup_tool_failed', 'mariadb-backup ended with code 1.');
      const written = writeParts(store, {
        ...common(),
        source: sourceOf(randomBytes(bytes), 100),
        beforeLast: () => Promise.reject(refused),
      });
      await expect(written).rejects.toBe(refused);
      const whole = Math.max(1, Math.ceil(bytes / partSize)) - 1;
      expect(await keysOf(store)).toHaveLength(whole);
    },
  );
});

describe('a part that is there already', () => {
  test('with the same bytes counts as written: the answer to an earlier put was lost', async () => {
    const content = randomBytes(2500);
    const first = await writeParts(store, { ...common(), source: sourceOf(content, 100) });
    const lost = watch(store, {
      afterPut: () => {
        throw new TidemarkError('storage_unavailable', 'The answer was lost.');
      },
    });
    await store.delete(keyOf(3));
    await expect(writeParts(lost, { ...common(), source: sourceOf(content, 100) })).rejects.toEqual(
      failure('storage_unavailable'),
    );
    expect(await writeParts(store, { ...common(), source: sourceOf(content, 100) })).toEqual(first);
  });

  test.each([
    ['other bytes', Buffer.alloc(1000, 2)],
    ['fewer bytes', Buffer.alloc(999, 1)],
    ['more bytes', Buffer.alloc(1001, 1)],
  ])('with %s is an error that names it, and stays as it is', async (_, there) => {
    await store.put(keyOf(1), there);
    const writing = writeParts(store, { ...common(), source: sourceOf(Buffer.alloc(2000, 1), 100) });
    await expect(writing).rejects.toEqual(failure('object_exists'));
    await expect(writing).rejects.toThrow(keyOf(1));
    expect(await store.get(keyOf(1))).toEqual(there);
  });
});
