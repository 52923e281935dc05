import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Log } from '../../../domain/log.ts';
import { TidemarkError } from '../../../domain/errors.ts';
import { logged } from '../../../storage/decorators/logged.ts';
import { measured } from '../../../storage/decorators/measured.ts';
import type { ObjectStore } from '../../../storage/store.ts';
import { watch } from '../instrumented.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from '../support.ts';

let folder: Folder;
let store: ObjectStore;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
});
afterEach(() => folder.remove());

/** One of each kind of request, and three that fail. */
async function useAll(on: ObjectStore): Promise<void> {
  await on.put('key', Buffer.from('content'));
  await expect(on.put('key', Buffer.from('content'))).rejects.toEqual(failure('object_exists'));
  await on.replace('key', Buffer.from('other'));
  await on.get('key', { start: 0, length: 3 });
  await expect(on.get('none')).rejects.toEqual(failure('object_missing'));
  await on.stat('key');
  await keysOf(on);
  await on.delete('key');
  await expect(on.stat('away')).rejects.toEqual(failure('storage_unavailable'));
}

const unreliable = (): ObjectStore =>
  watch(store, {
    before: (_, key) => {
      if (key === 'away') throw new TidemarkError('storage_unavailable', 'The store is away.');
    },
  });

test('every request is counted with its outcome, bytes and time', async () => {
  const counted: [string, string, number][] = [];
  const meter = {
    request: (tags: { operation: string; outcome: string }, seconds: number, bytes: number): void => {
      expect(seconds).toBeGreaterThan(0);
      counted.push([tags.operation, tags.outcome, bytes]);
    },
  };
  await useAll(measured(unreliable(), meter));
  expect(counted).toEqual([
    ['put', 'ok', 7],
    ['put', 'object_exists', 0],
    ['replace', 'ok', 5],
    ['get', 'ok', 3],
    ['get', 'object_missing', 0],
    ['stat', 'ok', 0],
    ['list', 'ok', 0],
    ['delete', 'ok', 0],
    ['stat', 'storage_unavailable', 0],
  ]);
});

test('what failed is a warning in the log; answers, also that something is missing, are detail', async () => {
  const lines: [string, object, string][] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields, message]);
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  await useAll(logged(unreliable(), log));
  expect(lines.map(([level]) => level)).toEqual([...Array.from({ length: 8 }, () => 'debug'), 'warn']);
  expect(lines.at(-1)).toEqual([
    'warn',
    expect.objectContaining({
      operation: 'stat',
      key: 'away',
      error: 'storage_unavailable',
      storage: store.location,
    }),
    'The store is away.',
  ]);
});
