/** What every object store must do: the promises of storage/store.ts, as tests that each kind of store passes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { TidemarkError } from '../../domain/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { longRun } from '../support/long.ts';

export interface StoreUnderTest {
  store: ObjectStore;
  /** Another connection to the same objects, as another process would have. */
  again: () => Promise<ObjectStore>;
  remove: () => Promise<void>;
}

/** Keys that are names like any other, in every store. Each is put, listed, read and removed. */
const strangeKeys = [
  'names/with a space',
  'names/100%',
  'names/%2e%2e',
  'names/a+b&c=d?e#f',
  'names/"quoted" and \'so\'',
  'names/grüße-日本語-🐟',
  'names/...',
  'names/.hidden',
  'names/-rf',
  'names/*',
  `names/${'l'.repeat(255)}`,
  `names/${'é'.repeat(127)}`,
  `deep/${Array.from({ length: 60 }, (_, level) => `level-${level}`).join('/')}`,
];

const badKeys = [
  '',
  '/',
  '/absolute',
  'a/',
  'a//b',
  '.',
  '..',
  './a',
  'a/.',
  '../a',
  'a/../../b',
  'a/..',
  'a\0b',
  'a\nb',
  'a\\b',
  '..\\a',
  `a/${'l'.repeat(256)}`,
  `a/${'é'.repeat(128)}`,
  Array.from({ length: 200 }, () => 'segment').join('/'),
  'half-a-pair-\ud83d',
];

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

function inByteOrder(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function code(expected: TidemarkError['code']): unknown {
  return expect.objectContaining({ name: 'TidemarkError', code: expected });
}

/**
 * Declares the suite for one kind of store.
 *
 * @param name of the kind, for the suite's title
 * @param make opens a new, empty store
 */
export function conformance(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the promises of an object store`, () => {
    let under: StoreUnderTest;
    let store: ObjectStore;

    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.remove());

    describe('put', () => {
      test('creates an object that another connection reads', async () => {
        await store.put('put/one', Buffer.from('content'));
        expect(await (await under.again()).get('put/one')).toEqual(Buffer.from('content'));
      });

      test('refuses a key that is taken, also by the same content, and leaves what is there', async () => {
        await store.put('put/taken', Buffer.from('first'));
        await expect(store.put('put/taken', Buffer.from('first'))).rejects.toEqual(code('object_exists'));
        await expect(store.put('put/taken', Buffer.from('second'))).rejects.toEqual(code('object_exists'));
        expect((await store.get('put/taken')).toString()).toBe('first');
      });

      test('keeps an empty object', async () => {
        await store.put('put/empty', new Uint8Array(0));
        expect(await store.stat('put/empty')).toEqual({ bytes: 0 });
        expect(await store.get('put/empty')).toHaveLength(0);
        expect(await store.get('put/empty', { start: 0, length: 1 })).toHaveLength(0);
      });

      test('keeps an object of 64 MiB, byte for byte', async () => {
        const body = randomBytes(64 * 1024 * 1024);
        await store.put('put/large', body);
        expect(await store.stat('put/large')).toEqual({ bytes: body.length });
        expect((await store.get('put/large')).equals(body)).toBe(true);
        await store.delete('put/large');
      });

      test('stores a view of memory, not the memory around it', async () => {
        const around = Buffer.from('xxcontentxx');
        await store.put('put/view', new Uint8Array(around.buffer, around.byteOffset + 2, 7));
        expect((await store.get('put/view')).toString()).toBe('content');
      });

      test('lets one of eight racing writers win, and the object is wholly the winner’s', async () => {
        const rounds = longRun ? 100 : 10;
        for (let round = 0; round < rounds; round++) {
          const key = `race/${round}`;
          const writers = await Promise.all(Array.from({ length: 8 }, () => under.again()));
          const results = await Promise.allSettled(
            writers.map((writer, index) => writer.put(key, Buffer.alloc(100_000, index))),
          );
          const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
          expect(winners).toHaveLength(1);
          for (const result of results) {
            if (result.status === 'rejected') expect(result.reason).toEqual(code('object_exists'));
          }
          expect((await store.get(key)).equals(Buffer.alloc(100_000, winners[0]))).toBe(true);
        }
      });

      test('with a signal that is aborted does nothing and says so', async () => {
        const signal = AbortSignal.abort();
        await expect(store.put('put/aborted', Buffer.from('x'), signal)).rejects.toEqual(
          code('operation_cancelled'),
        );
        await expect(store.replace('put/aborted', Buffer.from('x'), signal)).rejects.toEqual(
          code('operation_cancelled'),
        );
        expect(await keysOf(store, 'put/aborted')).toEqual([]);
      });

      test('aborted on its way leaves a whole object or none', async () => {
        for (let round = 0; round < 10; round++) {
          const key = `put/on-its-way-${round}`;
          const abort = new AbortController();
          const put = store.put(key, Buffer.alloc(4_000_000, 1), abort.signal);
          setTimeout(() => abort.abort(), round);
          const result = await put.then(
            () => 'stored',
            (error: TidemarkError) => error.code,
          );
          if (result === 'stored') expect(await store.stat(key)).toEqual({ bytes: 4_000_000 });
          else {
            expect(result).toBe('operation_cancelled');
            await expect(store.stat(key)).rejects.toEqual(code('object_missing'));
          }
        }
      });

      test('succeeds again on a key that was deleted', async () => {
        await store.put('put/twice/key', Buffer.from('first'));
        await store.delete('put/twice/key');
        await store.put('put/twice/key', Buffer.from('second'));
        expect((await store.get('put/twice/key')).toString()).toBe('second');
      });
    });

    describe('replace', () => {
      test('creates an object, and puts another content in its place', async () => {
        await store.replace('replace/one', Buffer.from('a longer first content'));
        await store.replace('replace/one', Buffer.from('second'));
        expect((await store.get('replace/one')).toString()).toBe('second');
        expect(await store.stat('replace/one')).toEqual({ bytes: 6 });
      });

      test('never shows a reader a mix of two contents', async () => {
        const contents = [Buffer.alloc(300_000, 1), Buffer.alloc(200_000, 2), Buffer.alloc(400_000, 3)];
        const key = 'replace/mix';
        await store.replace(key, contents[0] ?? Buffer.alloc(0));
        const rounds = longRun ? 200 : 30;
        const end = new AbortController();
        const write = async (): Promise<void> => {
          for (let round = 0; round < rounds; round++) {
            for (const content of contents) await store.replace(key, content);
          }
          end.abort();
        };
        const readers = Array.from({ length: 3 }, async () => {
          const reader = await under.again();
          let seen = 0;
          while (!end.signal.aborted) {
            const found = await reader.get(key);
            expect(contents.some((content) => content.equals(found))).toBe(true);
            seen++;
          }
          return seen;
        });
        const [, ...seen] = await Promise.all([write(), ...readers]);
        expect(Math.min(...seen)).toBeGreaterThan(0);
      });
    });

    describe('get and stat', () => {
      const body = Buffer.from('0123456789');
      beforeAll(() => store.put('get/ten', body));

      test.each([
        { start: 0, length: 10, found: '0123456789' },
        { start: 0, length: 3, found: '012' },
        { start: 4, length: 3, found: '456' },
        { start: 9, length: 1, found: '9' },
        { start: 8, length: 100, found: '89' },
        { start: 0, length: 11, found: '0123456789' },
        { start: 10, length: 5, found: '' },
        { start: 1000, length: 5, found: '' },
        { start: 3, length: 0, found: '' },
      ])('the range of $length bytes from $start is "$found"', async ({ start, length, found }) => {
        expect((await store.get('get/ten', { start, length })).toString()).toBe(found);
      });

      test.each([
        { start: -1, length: 1 },
        { start: 0, length: -1 },
        { start: 0.5, length: 1 },
        { start: 0, length: Number.NaN },
      ])('the range of $length bytes from $start is refused', async (range) => {
        await expect(store.get('get/ten', range)).rejects.toEqual(code('internal'));
      });

      test('memory that is handed in is read into, when the bytes fit', async () => {
        const into = Buffer.alloc(12, 'x');
        expect((await store.get('get/ten', undefined, undefined, into)).toString()).toBe('0123456789');
        const small = Buffer.alloc(4, 'x');
        expect((await store.get('get/ten', undefined, undefined, small)).toString()).toBe('0123456789');
      });

      test('an object that is not there is missing, with a sentence that names it', async () => {
        for (const read of [store.get('get/none'), store.stat('get/none'), store.get('none/at/all')]) {
          await expect(read).rejects.toEqual(code('object_missing'));
        }
        await expect(store.get('get/none')).rejects.toThrow(/get\/none/);
      });

      test('the beginning of other keys is no object', async () => {
        await expect(store.get('get')).rejects.toEqual(code('object_missing'));
        await expect(store.stat('get')).rejects.toEqual(code('object_missing'));
        await expect(store.get('get/ten/more')).rejects.toEqual(code('object_missing'));
        await store.delete('get');
        expect(await store.stat('get/ten')).toEqual({ bytes: 10 });
      });

      test('an aborted signal ends a get', async () => {
        await expect(store.get('get/ten', undefined, AbortSignal.abort())).rejects.toEqual(
          code('operation_cancelled'),
        );
      });
    });

    describe('list', () => {
      const keys = [
        'list/a-b',
        'list/a.b',
        'list/a/1',
        'list/a/2/x',
        'list/a0',
        'list/ab',
        'list/b',
        'list/Z',
      ];
      const unicode = ['list/é', 'list/z', 'list/\uffee', 'list/🐟'];
      beforeAll(async () => {
        for (const key of [...keys, ...unicode]) await store.put(key, Buffer.from(key));
      });

      test('gives keys in the order of their UTF-8 bytes, with their sizes', async () => {
        const found: { key: string; bytes: number }[] = [];
        for await (const entry of store.list('list/')) found.push(entry);
        const expected = inByteOrder([...keys, ...unicode]);
        expect(found).toEqual(expected.map((key) => ({ key, bytes: Buffer.byteLength(key) })));
      });

      test.each([
        {
          prefix: 'list/a',
          expected: ['list/a-b', 'list/a.b', 'list/a/1', 'list/a/2/x', 'list/a0', 'list/ab'],
        },
        { prefix: 'list/a/', expected: ['list/a/1', 'list/a/2/x'] },
        { prefix: 'list/a/2', expected: ['list/a/2/x'] },
        { prefix: 'list/b', expected: ['list/b'] },
        { prefix: 'list/b/', expected: [] },
        { prefix: 'list/none', expected: [] },
        { prefix: 'none/', expected: [] },
        { prefix: 'lis', expected: inByteOrder([...keys, ...unicode]) },
      ])('"$prefix" is a prefix of keys, not a folder', async ({ prefix, expected }) => {
        expect(await keysOf(store, prefix)).toEqual(expected);
      });

      test('without a prefix gives every object', async () => {
        const found = await keysOf(store, '');
        expect(found).toEqual(inByteOrder(found));
        expect(found).toEqual(expect.arrayContaining(keys));
      });

      test('can be ended early', async () => {
        for await (const { key } of store.list('list/')) {
          expect(key).toBe('list/Z');
          break;
        }
      });

      const many = longRun ? 10_000 : 500;
      test(`gives ${many} keys, each once and in order`, async () => {
        const names = Array.from({ length: many }, (_, index) => `many/${(index * 7919) % many}/part`);
        const lanes = Array.from({ length: 16 }, async (_, lane) => {
          for (let index = lane; index < many; index += 16) {
            await store.put(names[index] ?? '', Buffer.from('x'));
          }
        });
        await Promise.all(lanes);
        expect(await keysOf(store, 'many/')).toEqual(inByteOrder(names));
      }, 600_000);
    });

    describe('delete', () => {
      test('removes an object, and the ones beside it stay', async () => {
        await store.put('delete/a/one', Buffer.from('1'));
        await store.put('delete/a/two', Buffer.from('2'));
        await store.delete('delete/a/one');
        await expect(store.stat('delete/a/one')).rejects.toEqual(code('object_missing'));
        expect(await keysOf(store, 'delete/')).toEqual(['delete/a/two']);
      });

      test('of an object that is not there is no error', async () => {
        await store.delete('delete/none');
        await store.delete('never/was/here');
      });

      test('of the last object while others are put beside it loses none of them', async () => {
        for (let round = 0; round < 20; round++) {
          const folder = `delete/race-${round}/deep`;
          await store.put(`${folder}/old`, Buffer.from('old'));
          const other = await under.again();
          await Promise.all([store.delete(`${folder}/old`), other.put(`${folder}/new`, Buffer.from('new'))]);
          expect(await keysOf(store, folder)).toEqual([`${folder}/new`]);
        }
      });
    });

    describe('keys', () => {
      test.each(strangeKeys)('%j is a name like any other', async (key) => {
        await store.put(key, Buffer.from(key));
        expect((await store.get(key)).toString()).toBe(key);
        expect(await keysOf(store, key)).toEqual([key]);
        await store.delete(key);
        expect(await keysOf(store, key)).toEqual([]);
      });

      test.each(badKeys)('%j is refused by every method', async (key) => {
        const body = Buffer.from('x');
        await expect(store.put(key, body)).rejects.toEqual(code('internal'));
        await expect(store.replace(key, body)).rejects.toEqual(code('internal'));
        await expect(store.get(key)).rejects.toEqual(code('internal'));
        await expect(store.stat(key)).rejects.toEqual(code('internal'));
        await expect(store.delete(key)).rejects.toEqual(code('internal'));
      });

      test.each(['../', '/', 'a/../', 'a//', './x'])('%j is refused as a prefix', async (prefix) => {
        await expect(keysOf(store, prefix)).rejects.toEqual(code('internal'));
      });
    });
  });
}
