/** Two agents of one server, each with a state directory of its own, keep out of each other's way. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { access, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { lockServer, sharedLockPath, type ServerLockOptions } from '../../mariadb/server-lock.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ name: 'locked' });
});
afterAll(() => server.remove());

const agent = (name: string, operation: string): ServerLockOptions => ({
  server: server.settings,
  stateDirectory: path.join(server.folder, name),
  operation,
  waitMs: 150,
  log: silentLog,
});

test('the second is refused while the first works, and told whose work it is', async () => {
  const first = await lockServer(agent('one', 'restore-3'));
  const second = lockServer(agent('two', 'restore-4'));
  await expect(second).rejects.toMatchObject({ code: 'host_busy' });
  await expect(second).rejects.toThrow(/^restore-3 of \S+\/one \(process \d+\) works on this server/);
  await first.release();
  await using later = await lockServer(agent('two', 'restore-4'));
  expect(later).toBeDefined();
});

test('one that is refused keeps nothing', async () => {
  const first = await lockServer(agent('one', 'restore-3'));
  await expect(lockServer(agent('two', 'restore-4'))).rejects.toMatchObject({ code: 'host_busy' });
  await first.release();
  await using again = await lockServer(agent('one', 'restore-5'));
  expect(again).toBeDefined();
});

test('the lock lies beside the data directory, which a restore replaces', async () => {
  const file = await sharedLockPath(server.settings);
  expect(path.dirname(file)).toBe(path.dirname(server.dataDirectory));
  await access(file);
});

test('where no lock can lie, the one in the state directory has to do', async () => {
  const file = await sharedLockPath(server.settings);
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (...said: unknown[]) => void warnings.push(said) };
  // A folder in its place, as nobody makes one: it stands for a disk that takes nothing any more.
  await rm(file);
  await mkdir(file);
  await using _held = await lockServer({ ...agent('one', 'restore-6'), log });
  expect(warnings).toHaveLength(1);
  await expect(lockServer(agent('one', 'restore-7'))).rejects.toMatchObject({ code: 'host_busy' });
});
