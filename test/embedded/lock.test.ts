/** One stack at a time in a data directory. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockData } from '../../embedded/lock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a data directory in use is refused, naming the process that has it', async () => {
  const unlock = await lockData('/some/where', folder);
  await expect(lockData('/some/where', folder)).rejects.toMatchObject({
    code: 'invalid_setting',
    message: expect.stringContaining(`Process ${process.pid} already runs a stack in /some/where.`),
  });
  await unlock();
  expect(await readdir(folder)).toEqual([]);
});

test('a lock is free again after it was given back', async () => {
  await (
    await lockData('/some/where', folder)
  )();
  await (
    await lockData('/some/where', folder)
  )();
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['of a process that is gone', { pid: 2 ** 22 + 1, started: '1' }],
  ['of another process with the same id', { pid: process.pid, started: 'long ago' }],
])('a lock %s is taken over', async (_case, record) => {
  await writeFile(join(folder, 'stack.json'), JSON.stringify(record));
  await (
    await lockData('/some/where', folder)
  )();
  expect(await readdir(folder)).toEqual([]);
});

test('half of a record is no lock', async () => {
  await writeFile(join(folder, 'stack.json'), '{"pid": 1');
  await (
    await lockData('/some/where', folder)
  )();
  expect(await readdir(folder)).toEqual([]);
});
