import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { TidemarkError } from '../../domain/errors.ts';
import { writeParts } from '../../storage/parts.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { gate, watch } from './instrumented.ts';
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

/** A source that gives `content` in chunks, and knows what was done with it. */
function sourceOf(
  content: Uint8Array,
  chunkSize: number,
): AsyncIterable<Uint8Array> & { pulled: number; returned: boolean } {
  const source = {
    pulled: 0,
    returned: false,
    async *[Symbol.asyncIterator]() {
      // One piece of memory for all chunks: whoever keeps a chunk instead of copying it fails the test.
      const memory = Buffer.alloc(chunkSize);
      try {
        for (let from = 0; from < content.length; from += chunkSize) {
          const chunk = content.subarray(from, from + chunkSize);
          memory.set(chunk);
          source.pulled += chunk.length;
          yield memory.subarray(0, chunk.length);
        }
      } finally {
        source.returned = true;
      }
    },
  };
  return source;
}

/** As many turns of the event loop as anything that could go on needs to go on. */
async function settle(): Promise<void> {
  for (let count = 0; count < 50; count++) await turn();
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
    expect(written).toMatchObject({ bytes, sha256: sha256(content) });
  });

  test('and is empty is one empty part', async () => {
    const written = await writeParts(store, { ...common(), source: sourceOf(Buffer.alloc(0), 10) });
    const digest = sha256(Buffer.alloc(0));
    expect(written).toEqual({
      parts: [{ key: keyOf(1), bytes: 0, sha256: digest }],
      bytes: 0,
      sha256: digest,
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

describe('a failure', () => {
  test('of a put stops the source, waits for the puts under way, and is what is thrown', async () => {
    const full = new TidemarkError('storage_full', 'The file system is full.');
    const held = gate();
    const watched = watch(store, {
      beforePut: async (key) => {
        if (key === keyOf(2)) throw full;
        await held.opened;
      },
    });
    const source = sourceOf(randomBytes(50_000), 100);
    let settled = false;
    const writing = writeParts(watched, { ...common(), source }).finally(() => {
      settled = true;
    });
    const thrown = expect(writing).rejects.toBe(full);
    await settle();
    expect(source.returned).toBe(true);
    expect(settled).toBe(false);
    held.open();
    await thrown;
    expect(watched.underWay).toBe(0);
    expect(source.pulled).toBeLessThanOrEqual(4000);
    expect(watched.puts.length).toBeLessThanOrEqual(3);
  });

  test('of a put is told although the source is silent for ever', async () => {
    const full = new TidemarkError('storage_full', 'The file system is full.');
    const watched = watch(store, { beforePut: () => Promise.reject(full) });
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1500);
      await new Promise(() => undefined);
    }
    await expect(writeParts(watched, { ...common(), source: source() })).rejects.toBe(full);
  });

  test('of the source is thrown as it is, and the end is not written', async () => {
    const broken = new Error('the pipe broke');
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1500);
      throw broken;
    }
    let asked = false;
    const beforeLast = async (): Promise<void> => {
      asked = true;
    };
    await expect(writeParts(store, { ...common(), source: source(), beforeLast })).rejects.toBe(broken);
    expect(asked).toBe(false);
    expect(await keysOf(store)).toEqual([keyOf(1)]);
  });

  test('during beforeLast is told although beforeLast never ends', async () => {
    const full = new TidemarkError('storage_full', 'The file system is full.');
    const held = gate();
    const watched = watch(store, {
      beforePut: async () => {
        await held.opened;
        throw full;
      },
    });
    const source = sourceOf(randomBytes(1500), 500);
    const beforeLast = async (): Promise<void> => {
      held.open();
      await new Promise(() => undefined);
    };
    await expect(writeParts(watched, { ...common(), source, beforeLast })).rejects.toBe(full);
    expect(watched.puts).toEqual([keyOf(1)]);
  });

  test('of more than one put is told by the first', async () => {
    const watched = watch(store, {
      beforePut: async (key) => {
        if (key === keyOf(1)) await settle();
        throw new TidemarkError('storage_unavailable', key);
      },
    });
    const writing = writeParts(watched, { ...common(), source: sourceOf(randomBytes(9000), 900) });
    await expect(writing).rejects.toThrow(keyOf(2));
  });
});

describe('cancelling', () => {
  test('ends a write whose source is silent', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100);
      await new Promise(() => undefined);
    }
    const writing = writeParts(store, { ...common(), source: source() });
    const ended = expect(writing).rejects.toEqual(failure('operation_cancelled'));
    await settle();
    abort.abort();
    await ended;
    expect(await keysOf(store)).toEqual([]);
  });

  test('before the beginning writes nothing and pulls nothing', async () => {
    abort.abort();
    const source = sourceOf(randomBytes(5000), 100);
    await expect(writeParts(store, { ...common(), source })).rejects.toEqual(failure('operation_cancelled'));
    expect(source.pulled).toBe(0);
    expect(await keysOf(store)).toEqual([]);
  });

  test('for a reason that is an error of ours throws that reason', async () => {
    const reason = new TidemarkError('disk_full', 'There is no room.');
    abort.abort(reason);
    const writing = writeParts(store, { ...common(), source: sourceOf(randomBytes(10), 10) });
    await expect(writing).rejects.toBe(reason);
  });
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
