import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { TidemarkError, type ErrorName } from '../../../domain/errors.ts';
import { retrying } from '../../../storage/decorators/retrying.ts';
import { storeFaults, type ObjectStore } from '../../../storage/store.ts';
import { Waits } from '../../../storage/waits.ts';
import { watch, type Hooks } from '../instrumented.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from '../support.ts';

let folder: Folder;
let store: ObjectStore;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  await store.put('there', Buffer.from('content'));
});
afterEach(() => folder.remove());

const quick = { deadlineMs: 10_000, firstPauseMs: 1, longestPauseMs: 4 };
const away = (): TidemarkError => new TidemarkError('storage_unavailable', 'The store is away.');

/** Fails the first `times` requests with errors that pass, and counts them all. */
function failing(times: number, error: () => TidemarkError = away): Hooks & { asked: number } {
  const hooks = {
    asked: 0,
    before: (): void => {
      hooks.asked += 1;
      if (hooks.asked <= times) throw error();
    },
  };
  return hooks;
}

/** Every method, with a result that can be compared. */
const methods: [string, (store: ObjectStore) => Promise<unknown>, unknown][] = [
  ['put', (on) => on.put('new', Buffer.from('x')), undefined],
  ['replace', (on) => on.replace('there', Buffer.from('x')), undefined],
  ['get', async (on) => (await on.get('there')).toString(), 'content'],
  ['stat', (on) => on.stat('there'), expect.objectContaining({ bytes: 7 })],
  ['list', (on) => keysOf(on), ['there']],
  ['delete', (on) => on.delete('there'), undefined],
];

describe('what passes is tried again', () => {
  test.each(methods)('%s', async (_, ask, expected) => {
    const hooks = failing(3);
    expect(await ask(retrying(watch(store, hooks), quick))).toEqual(expected);
    expect(hooks.asked).toBe(4);
  });

  test.each(Object.entries(storeFaults))('%s is %s', async (code, kind) => {
    const hooks = failing(1, () => new TidemarkError(code as ErrorName, 'So it is.'));
    const asked = retrying(watch(store, hooks), quick).stat('there');
    if (kind === 'passing') await expect(asked).resolves.toMatchObject({ bytes: 7 });
    else await expect(asked).rejects.toEqual(failure(code as ErrorName));
    expect(hooks.asked).toBe(kind === 'passing' ? 2 : 1);
  });

  test.each(methods)('%s is told as waited for meanwhile, and not afterwards', async (_, ask) => {
    const waits = new Waits();
    const told: (string | undefined)[] = [];
    let asked = 0;
    const before = (): void => {
      told.push(waits.told);
      asked += 1;
      if (asked <= 2) throw away();
    };
    await ask(retrying(watch(store, { before }), { ...quick, waits }));
    const waiting = new RegExp(
      `^Waiting for ${store.location} since \\d\\d:\\d\\d:\\d\\dZ: The store is away\\.$`,
    );
    expect(told).toEqual([undefined, expect.stringMatching(waiting), expect.stringMatching(waiting)]);
    expect(waits.told).toBeUndefined();
  });

  test('what is given up is not told as waited for any more', async () => {
    const waits = new Waits();
    const options = { ...quick, deadlineMs: 20, waits };
    const asked = retrying(watch(store, failing(Infinity)), options).stat('there');
    await expect(asked).rejects.toEqual(failure('storage_unavailable'));
    expect(waits.told).toBeUndefined();
  });

  test('a defect is not', async () => {
    const hooks = {
      asked: 0,
      before: (): void => {
        hooks.asked += 1;
        throw new TypeError('undefined is not a function');
      },
    };
    await expect(retrying(watch(store, hooks), quick).stat('there')).rejects.toThrow(TypeError);
    expect(hooks.asked).toBe(1);
  });
});

describe('the pauses', () => {
  test('end at the deadline, with the last error', async () => {
    const hooks = failing(Infinity);
    const began = performance.now();
    const asked = retrying(watch(store, hooks), { deadlineMs: 1_000, firstPauseMs: 10, longestPauseMs: 20 });
    await expect(asked.get('there')).rejects.toThrow('The store is away.');
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(hooks.asked).toBeGreaterThan(4);
  });

  test('are as long as the store asks for', async () => {
    const hooks = failing(
      1,
      () => new TidemarkError('storage_throttled', 'Slower.', { retryAfterSeconds: 0.3 }),
    );
    const began = performance.now();
    await retrying(watch(store, hooks), quick).get('there');
    expect(performance.now() - began).toBeGreaterThanOrEqual(295);
  });

  test('are not begun when the store asks for more than is left', async () => {
    const hooks = failing(
      1,
      () => new TidemarkError('storage_throttled', 'Slower.', { retryAfterSeconds: 60 }),
    );
    const asked = retrying(watch(store, hooks), quick).get('there');
    await expect(asked).rejects.toMatchObject({ code: 'storage_throttled', retryAfterSeconds: 60 });
    expect(hooks.asked).toBe(1);
  });

  test('end when the signal is aborted', async () => {
    const abort = new AbortController();
    const asked = retrying(watch(store, failing(Infinity)), { deadlineMs: 60_000, firstPauseMs: 30_000 });
    const got = asked.get('there', undefined, abort.signal);
    setTimeout(() => abort.abort(), 20);
    await expect(got).rejects.toEqual(failure('operation_cancelled'));
  });
});

describe('a put whose answer was lost', () => {
  const losing = (content: string): Hooks => {
    let lost = false;
    return {
      afterPut: async (key) => {
        if (lost) return;
        lost = true;
        await store.replace(key, Buffer.from(content));
        throw away();
      },
    };
  };

  test('is found done by the same bytes', async () => {
    await retrying(watch(store, losing('mine')), quick).put('new', Buffer.from('mine'));
    expect((await store.get('new')).toString()).toBe('mine');
  });

  test.each(['yours', 'min', 'mine and more'])('is not found done by others: %j', async (content) => {
    const put = retrying(watch(store, losing(content)), quick).put('new', Buffer.from('mine'));
    await expect(put).rejects.toEqual(failure('object_exists'));
    expect((await store.get('new')).toString()).toBe(content);
  });

  test('is not looked for when the key was taken from the beginning', async () => {
    const watched = watch(store);
    const put = retrying(watched, quick).put('there', Buffer.from('content'));
    await expect(put).rejects.toEqual(failure('object_exists'));
    expect(watched.gets).toEqual([]);
  });
});

describe('a listing that breaks off', () => {
  test('goes on behind the last key, each once, in order', async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `many/${String(index).padStart(2, '0')}`);
    for (const key of keys) await store.put(key, Buffer.from('x'));
    let seen = 0;
    const hooks: Hooks = {
      beforeListed: () => {
        seen += 1;
        if (seen % 7 === 0) throw away();
      },
    };
    expect(await keysOf(retrying(watch(store, hooks), quick), 'many/')).toEqual(keys);
    expect(seen).toBeGreaterThan(30);
  });

  test('that gets no further ends at the deadline', async () => {
    const hooks: Hooks = { beforeListed: () => Promise.reject(away()) };
    const listed = keysOf(retrying(watch(store, hooks), { ...quick, deadlineMs: 50 }));
    await expect(listed).rejects.toEqual(failure('storage_unavailable'));
  });
});
