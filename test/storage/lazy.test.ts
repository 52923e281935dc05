import { expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../../domain/errors.ts';
import { lazily } from '../../storage/lazy.ts';
import { openLazily } from '../../storage/open.ts';
import { failure, keysOf, newFolder, openAt } from './support.ts';

const said: string[] = [];
const quiet = (): void => undefined;
const log = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: (_: object, text: string) => void said.push(text),
};

test('a store that cannot be opened answers with the reason, and is tried again', async () => {
  const folder = await newFolder();
  let refusing = true;
  let attempts = 0;
  const store = lazily({
    location: 'file:///somewhere',
    open: () => {
      attempts += 1;
      if (refusing) throw new TidemarkError('storage_forbidden', 'You may not.');
      return openAt(folder.path);
    },
    log,
    pauseMs: 50,
  });
  await expect(store.put('a', Buffer.from('x'))).rejects.toEqual(failure('storage_forbidden'));
  await expect(keysOf(store)).rejects.toEqual(failure('storage_forbidden'));
  expect(attempts).toBe(1);
  expect(said).toEqual(['The object store could not be opened; trying again.']);
  refusing = false;
  await sleep(100);
  await store.put('a', Buffer.from('x'));
  expect(await keysOf(store)).toEqual(['a']);
  expect(attempts).toBe(2);
  await folder.remove();
});

test('whose signal is aborted waits no longer for a store that hangs', async () => {
  const store = lazily({ location: 'file:///x', open: () => new Promise(quiet), log });
  await expect(store.stat('a', AbortSignal.timeout(50))).rejects.toEqual(failure('operation_cancelled'));
});

test('a malformed location is refused at once; the others are called as their stores call them', () => {
  expect(() => openLazily('s3://a b', { log })).toThrow(expect.objectContaining({ code: 'invalid_setting' }));
  expect(openLazily('gs://bucket/a%20b/', { log }).location).toBe('gs://bucket/a%20b');
  expect(openLazily('file:///srv/x', { log }).location).toBe('file:///srv/x');
});
