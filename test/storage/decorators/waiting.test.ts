import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelledError } from '../../../storage/cancel.ts';
import { limited } from '../../../storage/decorators/limited.ts';
import { parallel } from '../../../storage/decorators/parallel.ts';
import { timed } from '../../../storage/decorators/timed.ts';
import type { ObjectStore } from '../../../storage/store.ts';
import { gate, watch } from '../instrumented.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from '../support.ts';

let folder: Folder;
let store: ObjectStore;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  await store.put('there', Buffer.alloc(50_000, 1));
});
afterEach(() => folder.remove());

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

describe('a rate limit', () => {
  test.each([
    ['up', (on: ObjectStore, index: number) => on.put(`new/${index}`, Buffer.alloc(50_000))],
    [
      'up, by replacing',
      (on: ObjectStore, index: number) => on.replace(`new/${index}`, Buffer.alloc(50_000)),
    ],
    ['down, by range', (on: ObjectStore) => on.get('there', { start: 0, length: 50_001 })],
    ['down, whole', (on: ObjectStore) => on.get('there')],
  ] as const)('%s: five objects in a row take as long as four at the limit', async (_, transfer) => {
    const on = limited(store, { upload_limit: 500_000, download_limit: 500_000 });
    const ms = await msOf(async () => {
      for (let index = 0; index < 5; index++) await transfer(on, index);
    });
    expect(ms).toBeGreaterThan(395);
    expect(ms).toBeLessThan(5_000);
  });

  test('holds for all who write at the same time together, and hands the body on as it is', async () => {
    const watched = watch(store);
    const on = limited(watched, { upload_limit: 500_000, download_limit: 0 });
    const body = Buffer.alloc(50_000);
    const ms = await msOf(() => Promise.all([1, 2, 3, 4, 5].map((index) => on.put(`new/${index}`, body))));
    expect(ms).toBeGreaterThan(395);
    expect([...watched.memories]).toEqual([body.buffer]);
  });

  test('in one direction leaves the other alone', async () => {
    const on = limited(store, { upload_limit: 1_000, download_limit: 0 });
    await on.put('new', Buffer.alloc(50_000));
    expect(await msOf(() => on.get('there'))).toBeLessThan(15_000);
  });

  test('is one for all stores of the process', async () => {
    const other = await newFolder();
    const limits = { upload_limit: 400_000, download_limit: 0 };
    const [one, two] = [limited(store, limits), limited(await openAt(other.path), limits)];
    const ms = await msOf(async () => {
      await Promise.all([one, two].map((on) => on.put('first', Buffer.alloc(100_000))));
      await one.put('second', Buffer.alloc(10));
    });
    expect(ms).toBeGreaterThan(495);
    await other.remove();
  });

  test('of nothing is no decorator at all', () => {
    expect(limited(store, { upload_limit: 0, download_limit: 0 })).toBe(store);
  });

  test('gives the wait up when the signal is aborted, and nobody waits for what was not sent', async () => {
    const on = limited(store, { upload_limit: 100_000, download_limit: 0 });
    // Long enough for the second to be called off while it waits, however slow the machine is.
    await on.put('first', Buffer.alloc(300_000));
    const abort = new AbortController();
    const put = on.put('second', Buffer.alloc(10_000_000), abort.signal);
    setTimeout(() => abort.abort(), 20);
    await expect(put).rejects.toEqual(failure('operation_cancelled'));
    expect(await msOf(() => on.put('third', Buffer.alloc(10)))).toBeLessThan(15_000);
    expect(await keysOf(store)).toEqual(['first', 'there', 'third']);
  });
});

describe('a time-out', () => {
  /** A store that does nothing until its signal is aborted. */
  const stuck = (): ObjectStore =>
    watch(store, {
      before: (_, __, signal) =>
        new Promise((___, reject) => {
          signal?.addEventListener('abort', () => reject(cancelledError(signal)));
        }),
    });

  test.each([
    ['put', (on: ObjectStore) => on.put('new', Buffer.from('x')), /write new/],
    ['replace', (on: ObjectStore) => on.replace('new', Buffer.from('x')), /write new/],
    ['get', (on: ObjectStore) => on.get('there'), /read there/],
    ['stat', (on: ObjectStore) => on.stat('there'), /look at there/],
    ['delete', (on: ObjectStore) => on.delete('there'), /delete there/],
    ['list', (on: ObjectStore) => keysOf(on), /list the objects/],
  ] as const)('ends %s, and names what was asked', async (_, ask, says) => {
    const asked = ask(timed(stuck(), 50));
    await expect(asked).rejects.toEqual(failure('storage_timeout'));
    await expect(asked).rejects.toThrow(says);
  });

  test('is not told before the store has let go of the memory', async () => {
    const letGo = gate();
    const holding = watch(store, { before: () => letGo.opened });
    let settled = false;
    const put = timed(holding, 20)
      .put('new', Buffer.from('x'))
      .finally(() => (settled = true));
    const ended = expect(put).rejects.toEqual(failure('storage_timeout'));
    await sleep(100);
    expect(settled).toBe(false);
    letGo.open();
    await ended;
  });

  test('leaves a caller his own cancellation', async () => {
    const abort = new AbortController();
    const asked = timed(stuck(), 10_000).get('there', undefined, abort.signal);
    setTimeout(() => abort.abort(), 20);
    await expect(asked).rejects.toEqual(failure('operation_cancelled'));
  });

  test('of a listing counts each step, not its reader', async () => {
    await store.put('there-too', Buffer.from('x'));
    const keys: string[] = [];
    for await (const { key } of timed(store, 1_500).list('')) {
      keys.push(key);
      await sleep(1_600);
    }
    expect(keys).toEqual(['there', 'there-too']);
  });
});

describe('a limit of parallel requests', () => {
  test('lets so many through, and the others in their order', async () => {
    const held = gate();
    const watched = watch(store, { beforePut: () => held.opened });
    const on = parallel(watched, 3);
    const puts = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => on.put(key, Buffer.from(key)));
    await sleep(20);
    expect(watched.puts).toEqual(['a', 'b', 'c']);
    held.open();
    await Promise.all(puts);
    expect(watched.puts).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(watched.mostUnderWay).toBe(3);
  });

  test('gives the turn of one that failed, or was cancelled while it waited, to the next', async () => {
    const held = gate();
    const on = parallel(watch(store, { beforePut: () => held.opened }), 1);
    const first = on.put('there', Buffer.from('x'));
    const abort = new AbortController();
    const second = on.put('second', Buffer.from('x'), abort.signal);
    const third = on.put('third', Buffer.from('x'));
    abort.abort();
    await expect(second).rejects.toEqual(failure('operation_cancelled'));
    held.open();
    await expect(first).rejects.toEqual(failure('object_exists'));
    await third;
    expect(await keysOf(on)).toEqual(['there', 'third']);
  });

  test('lets the reader of a listing ask for its objects', async () => {
    const on = parallel(store, 1);
    for await (const { key, bytes } of on.list('')) expect(await on.stat(key)).toMatchObject({ bytes });
  });
});
