import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { TidemarkError } from '../../domain/errors.ts';
import type { StreamRecord } from '../../domain/manifest.ts';
import { readParts } from '../../storage/parts.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { gate, watch } from './instrumented.ts';
import { settle } from './sources.ts';
import { failure, newFolder, openAt, type Folder } from './support.ts';

let folder: Folder;
let store: ObjectStore;
let content: Buffer;
let stream: StreamRecord;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  content = randomBytes(9500);
  stream = { name: 'data', bytes: content.length, parts: [] };
  for (let from = 0; from < content.length; from += 1000) {
    const bytes = content.subarray(from, from + 1000);
    const key = `stream/part-${stream.parts.length + 1}`;
    await store.put(key, bytes);
    stream.parts.push({ key, bytes: bytes.length, sha256: sha256(bytes) });
  }
});
afterEach(() => folder.remove());

async function readAll(
  from: ObjectStore,
  options: { ahead?: number; reuse?: boolean } = {},
): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const bytes of readParts(from, stream, { ahead: 3, ...options })) read.push(Buffer.from(bytes));
  return Buffer.concat(read);
}

const keyOf = (number: number): string => `stream/part-${number}`;

describe('a stream that is read', () => {
  test.each([
    { ahead: 0, reuse: false },
    { ahead: 1, reuse: true },
    { ahead: 3, reuse: false },
    { ahead: 3, reuse: true },
    { ahead: 64, reuse: true },
  ])('comes back whole and in order: %j', async (options) => {
    expect((await readAll(store, options)).equals(content)).toBe(true);
  });

  test('comes in order although later parts arrive first', async () => {
    const late = watch(store, {
      afterGet: async (key, found) => {
        if (key === keyOf(1) || key === keyOf(5)) await settle();
        return found;
      },
    });
    expect((await readAll(late)).equals(content)).toBe(true);
  });

  test('is fetched only so far ahead of its reader', async () => {
    const watched = watch(store);
    const reading = readParts(watched, stream, { ahead: 3 });
    await reading.next();
    await settle();
    expect(watched.gets).toEqual([keyOf(1), keyOf(2), keyOf(3), keyOf(4)]);
    await reading.next();
    await settle();
    expect(watched.gets).toHaveLength(5);
    await reading.return();
    expect(watched.gets).toHaveLength(5);
    expect(watched.mostUnderWay).toBeLessThanOrEqual(4);
  });

  test('with reuse takes no more memory than the parts on their way', async () => {
    const memories = new Set<ArrayBufferLike>();
    for await (const bytes of readParts(store, stream, { ahead: 2, reuse: true })) memories.add(bytes.buffer);
    expect(memories.size).toBeLessThanOrEqual(4);
  });

  test('has its memory collected where it was much, also when no more is wanted', async () => {
    const collect = jest.fn();
    const before = globalThis.gc;
    globalThis.gc = collect as unknown as NodeJS.GCFunction;
    try {
      const bytes = Buffer.alloc(32 * 1024 * 1024);
      await store.put('large', bytes);
      const part = { key: 'large', bytes: bytes.length, sha256: sha256(bytes) };
      const reading = readParts(store, { name: 'data', bytes: bytes.length, parts: [part] }, { ahead: 0 });
      await reading.next();
      expect(collect.mock.calls).toEqual([]);
      await reading.return();
      await turn();
      expect(collect.mock.calls).toEqual([[]]);
      // Small ones only where there are many of them.
      for await (const some of readParts(store, stream, { ahead: 2 })) expect(some.length).toBeGreaterThan(0);
      await turn();
      expect(collect.mock.calls).toEqual([[]]);
    } finally {
      globalThis.gc = before;
    }
  });

  test('tells how much the reader has taken', async () => {
    const told: number[] = [];
    const options = { ahead: 2, onProgress: (bytes: number) => told.push(bytes) };
    for await (const bytes of readParts(store, stream, options)) expect(bytes.length).toBeGreaterThan(0);
    expect(told).toEqual([1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 9500]);
  });
});

describe('a part that is not what the record says', () => {
  const changed = (change: (found: Buffer) => Buffer) => async (): Promise<void> => {
    const found = await store.get(keyOf(4));
    await store.replace(keyOf(4), change(Buffer.from(found)));
  };
  const flip = (found: Buffer): Buffer => {
    found[100] = (found[100] ?? 0) ^ 1;
    return found;
  };

  test.each([
    {
      what: 'one bit changed',
      spoil: changed(flip),
      code: 'object_damaged',
      says: /SHA-256 [0-9a-f]{64}, found/,
    },
    {
      what: 'the end cut off',
      spoil: changed((found) => found.subarray(0, 999)),
      code: 'object_damaged',
      says: /expected 1000 bytes, found 999/,
    },
    {
      what: 'something added',
      spoil: changed((found) => Buffer.concat([found, found])),
      code: 'object_damaged',
      says: /expected 1000 bytes, found more/,
    },
    { what: 'nothing there', spoil: () => store.delete(keyOf(4)), code: 'object_missing', says: /part-4/ },
  ] as const)('$what: is named, and nothing of it is handed out', async ({ spoil, code, says }) => {
    await spoil();
    const read: Buffer[] = [];
    const reading = async (): Promise<void> => {
      for await (const bytes of readParts(store, stream, { ahead: 3 })) read.push(bytes);
    };
    const done = reading();
    await expect(done).rejects.toEqual(failure(code));
    await expect(done).rejects.toThrow(says);
    await expect(done).rejects.toThrow(keyOf(4));
    expect(Buffer.concat(read).equals(content.subarray(0, 3000))).toBe(true);
  });

  test('is fetched once more, and the reader never knows when it is right then', async () => {
    const spoilt = new Set<string>();
    const watched = watch(store, {
      afterGet: (key, found) => {
        if (spoilt.has(key)) return found;
        spoilt.add(key);
        if (key === keyOf(2)) throw new TidemarkError('object_missing', 'Not yet.');
        return flip(found);
      },
    });
    expect((await readAll(watched)).equals(content)).toBe(true);
    expect(watched.gets).toHaveLength(20);
  });

  test('is fetched no more than twice', async () => {
    const watched = watch(store, { afterGet: (_, found) => flip(found) });
    await expect(readAll(watched, { ahead: 0 })).rejects.toEqual(failure('object_damaged'));
    expect(watched.gets).toEqual([keyOf(1), keyOf(1)]);
  });

  test('an outage is not fetched again: whoever asked decides', async () => {
    const watched = watch(store, {
      afterGet: () => {
        throw new TidemarkError('storage_unavailable', 'The store is away.');
      },
    });
    await expect(readAll(watched, { ahead: 0 })).rejects.toEqual(failure('storage_unavailable'));
    expect(watched.gets).toEqual([keyOf(1)]);
  });
});

describe('a reader that stops', () => {
  test('by a signal is told so, also in the middle', async () => {
    const abort = new AbortController();
    const reading = readParts(store, stream, { ahead: 3, signal: abort.signal });
    await reading.next();
    abort.abort();
    await expect(reading.next()).rejects.toEqual(failure('operation_cancelled'));
  });

  test('by itself leaves no fetch under way', async () => {
    const held = gate();
    const watched = watch(store, {
      afterGet: async (key, found) => {
        if (key !== keyOf(1)) await held.opened;
        return found;
      },
    });
    const reading = readParts(watched, stream, { ahead: 3 });
    await reading.next();
    const stopped = reading.return();
    held.open();
    await stopped;
    expect(watched.underWay).toBe(0);
  });
});

describe('a part', () => {
  test('is recognized by its digest, so that no store has to make one of its own', async () => {
    const asked: boolean[] = [];
    const asking: ObjectStore = {
      location: store.location,
      put: (...given) => store.put(...given),
      replace: (...given) => store.replace(...given),
      stat: (...given) => store.stat(...given),
      list: (...given) => store.list(...given),
      delete: (...given) => store.delete(...given),
      get: async (key, range, signal, into, recognizes) => {
        const found = await store.get(key, range, signal, into);
        const changed = Buffer.from(found);
        changed.writeUInt8(changed.readUInt8(0) ^ 1, 0);
        for (const bytes of [changed, found.subarray(1), found])
          asked.push((await recognizes?.(bytes)) === true);
        return found;
      },
    };
    expect((await readAll(asking, { reuse: true })).equals(content)).toBe(true);
    expect(asked).toEqual(stream.parts.flatMap(() => [false, false, true]));
  });
});
