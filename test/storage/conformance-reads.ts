/** The part of the conformance suite on reading and listing objects, and on their names. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ObjectStore } from '../../storage/store.ts';
import { longRun } from '../support/long.ts';
import { failure, keysOf } from './support.ts';

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

function inByteOrder(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** @param store the store under test, once the suite runs */
export function readsConform(store: () => ObjectStore): void {
  describe('get and stat', () => {
    const body = Buffer.from('0123456789');
    beforeAll(() => store().put('get/ten', body));

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
      expect((await store().get('get/ten', { start, length })).toString()).toBe(found);
    });

    test.each([
      { start: -1, length: 1 },
      { start: 0, length: -1 },
      { start: 0.5, length: 1 },
      { start: 0, length: Number.NaN },
    ])('the range of $length bytes from $start is refused', async (range) => {
      await expect(store().get('get/ten', range)).rejects.toEqual(failure('internal'));
    });

    test('memory that is handed in is read into, when the bytes fit', async () => {
      const into = Buffer.alloc(12, 'x');
      expect((await store().get('get/ten', undefined, undefined, into)).toString()).toBe('0123456789');
      const small = Buffer.alloc(4, 'x');
      expect((await store().get('get/ten', undefined, undefined, small)).toString()).toBe('0123456789');
    });

    test('an object that is not there is missing, with a sentence that names it', async () => {
      for (const read of [store().get('get/none'), store().stat('get/none'), store().get('none/at/all')]) {
        await expect(read).rejects.toEqual(failure('object_missing'));
      }
      await expect(store().get('get/none')).rejects.toThrow(/get\/none/);
    });

    test('the beginning of other keys is no object', async () => {
      await expect(store().get('get')).rejects.toEqual(failure('object_missing'));
      await expect(store().stat('get')).rejects.toEqual(failure('object_missing'));
      await expect(store().get('get/ten/more')).rejects.toEqual(failure('object_missing'));
      await store().delete('get');
      expect(await store().stat('get/ten')).toMatchObject({ bytes: 10 });
    });

    test('the version of an object is the same in a listing, and lets it alone be read', async () => {
      await store().replace('get/version', Buffer.from('the first'));
      const first = await store().stat('get/version');
      expect(first).toEqual({ bytes: 9, version: expect.stringMatching(/^[^"]+$/) });
      for await (const found of store().list('get/version'))
        expect(found).toEqual({ key: 'get/version', ...first });
      const { version } = first;
      const read = async (start: number, length: number): Promise<string> =>
        (await store().get('get/version', { start, length, version })).toString();
      expect([await read(0, 9), await read(4, 100), await read(9, 5)]).toEqual(['the first', 'first', '']);
      await store().replace('get/version', Buffer.from('the other'));
      expect((await store().stat('get/version')).version).not.toBe(version);
      for (const [start, length] of [
        [0, 9],
        [4, 2],
      ] as const) {
        await expect(read(start, length)).rejects.toEqual(failure('source_changed'));
        await expect(read(start, length)).rejects.toThrow(
          /get\/version .* is not the one that was looked at/,
        );
      }
      await store().delete('get/version');
      await expect(read(0, 9)).rejects.toEqual(failure('object_missing'));
    });

    test('an aborted signal ends a get', async () => {
      await expect(store().get('get/ten', undefined, AbortSignal.abort())).rejects.toEqual(
        failure('operation_cancelled'),
      );
    });
  });

  describe('list', () => {
    const keys = ['list/a-b', 'list/a.b', 'list/a/1', 'list/a/2/x', 'list/a0', 'list/ab', 'list/b', 'list/Z'];
    const unicode = ['list/é', 'list/z', 'list/\uffee', 'list/🐟'];
    beforeAll(async () => {
      for (const key of [...keys, ...unicode]) await store().put(key, Buffer.from(key));
    });

    test('gives keys in the order of their UTF-8 bytes, with their sizes', async () => {
      const found: { key: string; bytes: number }[] = [];
      for await (const entry of store().list('list/')) found.push(entry);
      const expected = inByteOrder([...keys, ...unicode]);
      expect(found).toMatchObject(expected.map((key) => ({ key, bytes: Buffer.byteLength(key) })));
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
      expect(await keysOf(store(), prefix)).toEqual(expected);
    });

    test('without a prefix gives every object', async () => {
      const found = await keysOf(store(), '');
      expect(found).toEqual(inByteOrder(found));
      expect(found).toEqual(expect.arrayContaining(keys));
    });

    test('can be ended early', async () => {
      for await (const { key } of store().list('list/')) {
        expect(key).toBe('list/Z');
        break;
      }
    });

    const many = longRun ? 10_000 : 500;
    test(`gives ${many} keys, each once and in order`, async () => {
      const names = Array.from({ length: many }, (_, index) => `many/${(index * 7919) % many}/part`);
      const lanes = Array.from({ length: 16 }, async (_, lane) => {
        for (let index = lane; index < many; index += 16) {
          await store().put(names[index] ?? '', Buffer.from('x'));
        }
      });
      await Promise.all(lanes);
      expect(await keysOf(store(), 'many/')).toEqual(inByteOrder(names));
      // Behind a network that leaves hundreds of the 10,000 without an answer for ten seconds each.
    }, 1_800_000);
  });

  describe('keys', () => {
    test.each(strangeKeys)('%j is a name like any other', async (key) => {
      await store().put(key, Buffer.from(key));
      expect((await store().get(key)).toString()).toBe(key);
      expect(await keysOf(store(), key)).toEqual([key]);
      await store().delete(key);
      expect(await keysOf(store(), key)).toEqual([]);
    });

    test.each(badKeys)('%j is refused by every method', async (key) => {
      const body = Buffer.from('x');
      await expect(store().put(key, body)).rejects.toEqual(failure('internal'));
      await expect(store().replace(key, body)).rejects.toEqual(failure('internal'));
      await expect(store().get(key)).rejects.toEqual(failure('internal'));
      await expect(store().stat(key)).rejects.toEqual(failure('internal'));
      await expect(store().delete(key)).rejects.toEqual(failure('internal'));
    });

    test.each(['../', '/', 'a/../', 'a//', './x'])('%j is refused as a prefix', async (prefix) => {
      await expect(keysOf(store(), prefix)).rejects.toEqual(failure('internal'));
    });
  });
}
