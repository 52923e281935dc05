import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
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

const common = () => ({ keyOf, partSize, inFlight: 3, signal: abort.signal });

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
