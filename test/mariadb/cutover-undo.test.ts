import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cutOver, type CutOverOptions } from '../../mariadb/cutover/cut-over.ts';
import { listOpenJournals, readJournal, removeJournal } from '../../mariadb/cutover/journal.ts';
import { type ExpiryOptions, markExpired, removeMarked } from '../../mariadb/cutover/previous.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { settleOpenJournals } from '../../mariadb/cutover/settle.ts';
import { checkStaging, freeSpace } from '../../mariadb/restore/room.ts';
import { stagingFor } from '../../mariadb/restore/staging.ts';
import { findServerProcess, isServing } from '../../mariadb/server/lifecycle.ts';
import { makeStateDirectory, materialize, takeTestBackup, type TestBackup } from '../support/copies.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

const hourMs = 3_600_000;
let server: TestServer;
let backup: TestBackup;
let stateDirectory: string;
let restoreId = 0;
/** Of the tables in the backup. */
let fresh: Record<string, number | null>;

beforeAll(async () => {
  server = await startTestServer({ name: 'undo' });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.items AS SELECT seq AS id FROM shop.seq_1_to_100');
  fresh = await server.checksums();
  backup = await takeTestBackup(server);
  await server.query('DELETE FROM shop.items WHERE id > 50');
  stateDirectory = await makeStateDirectory();
});
afterAll(() => server.remove());
beforeEach(() => {
  restoreId += 1;
});

async function ready(change: Partial<CutOverOptions> = {}): Promise<CutOverOptions> {
  const { layout, staging } = await materialize(server, backup, { restoreId });
  const places = { stateDirectory, restoreId, workflowId: 'restore/of-a-test', layout, staging };
  return { server: server.settings, ...places, keepPreviousMs: hourMs, log: silentLog, ...change };
}

async function expire(options: ExpiryOptions): Promise<number[]> {
  await markExpired(options);
  return await removeMarked({ ...options, locked: (work) => work() });
}

test('a server that does not start on the new data is put back, with what it logged in the message', async () => {
  const old = await server.checksums();
  const order = await ready();
  await chmod(path.join(order.staging.data, 'ibdata1'), 0);
  await expect(cutOver(order)).rejects.toMatchObject({ code: 'server_start_failed' });
  expect(await server.checksums()).toEqual(old);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  expect(await putBack(order)).toEqual({ serving: true, emptied: false });
  expect(existsSync(path.join(server.folder, '.tidemark'))).toBe(false);
});

test('a server that cannot be stopped goes on serving with its own settings', async () => {
  const order = await ready();
  const settings = {
    ...server.settings,
    control: { kind: 'command' as const, start: ['true'], stop: ['false'] },
  };
  await expect(cutOver({ ...order, server: settings })).rejects.toMatchObject({ code: 'cut_over_failed' });
  expect(await isServing(server.settings)).toBe(true);
  expect(
    await server.query('SELECT @@innodb_max_dirty_pages_pct AS pct, @@innodb_fast_shutdown AS fast'),
  ).toEqual([{ pct: 90, fast: 1 }]);
  await putBack(order);
});

test('a copy that was not checked to the end is not served', async () => {
  const order = await ready();
  await writeFile(
    path.join(order.staging.data, 'xtrabackup_checkpoints'),
    'backup_type = log-applied\nto_lsn = 1\n',
  );
  await expect(cutOver(order)).rejects.toMatchObject({ code: 'cut_over_failed' });
  expect(await isServing(server.settings)).toBe(true);
  expect(await readJournal(stateDirectory, restoreId)).toBeUndefined();
  await putBack(order);
});

test('a roll back that fails leaves the journal open, and the next settling ends it', async () => {
  const old = await server.checksums();
  const order = await ready();
  const failing = cutOver({
    ...order,
    onStep: (step) => {
      if (step === 'after in' || step === 'before undo back') throw new Error(`no ${step}`);
    },
  });
  await expect(failing).rejects.toThrow(/could not be taken back yet/);
  expect(await listOpenJournals(stateDirectory)).toHaveLength(1);
  expect(await settleOpenJournals({ server: server.settings, stateDirectory, log: silentLog })).toBe(1);
  expect(await server.checksums()).toEqual(old);
  await putBack(order);
});

test('a server that was stopped before is stopped again when the swap is taken back', async () => {
  const order = await ready();
  await server.stop();
  const onStep = (step: string): void => {
    if (step === 'after check') throw new Error('changed my mind');
  };
  await expect(cutOver({ ...order, onStep })).rejects.toThrow(/did not serve before/);
  expect(await isServing(server.settings)).toBe(false);
  expect(await putBack(order)).toEqual({ serving: false, emptied: false });
  await server.start();
});

test('replaced data is kept for its time, goes early where room is short, and cannot be put back then', async () => {
  const order = await ready();
  await cutOver(order);
  expect(await server.checksums()).toEqual(fresh);
  const kept = path.join(server.folder, '.tidemark', String(restoreId), 'previous', 'data');
  const expiry = { stateDirectory, minFreeBytes: 0, now: Date.now(), log: silentLog };
  expect(await expire(expiry)).toEqual([]);
  expect(existsSync(kept)).toBe(true);
  expect(await checkStaging(order.layout, restoreId)).toEqual([expect.stringContaining(kept)]);
  const short = { ...expiry, minFreeBytes: Number.MAX_SAFE_INTEGER };
  expect(await expire(short)).toEqual([]);
  expect(existsSync(kept)).toBe(true);
  const later = { ...short, now: Date.now() + hourMs / 4 };
  expect(await expire({ ...later, givingBack: server.folder })).toEqual([]);
  expect(existsSync(kept)).toBe(true);
  expect(await expire(later)).toEqual([restoreId]);
  expect(existsSync(path.join(server.folder, '.tidemark'))).toBe(false);
  expect(await expire({ ...expiry, now: Date.now() + 2 * hourMs })).toEqual([]);
  await expect(putBack(order)).rejects.toMatchObject({ code: 'previous_gone' });
  expect(await isServing(server.settings)).toBe(true);

  restoreId += 1;
  await cutOver(await ready());
  expect(await expire({ ...expiry, now: Date.now() + 2 * hourMs })).toEqual([restoreId]);
  await removeJournal(stateDirectory, restoreId);
});

test('nothing was begun: putting back changes nothing and removes the staging area', async () => {
  const order = await ready();
  const pid = await findServerProcess(server.settings);
  expect(await putBack(order)).toEqual({ serving: true, emptied: false });
  expect(await findServerProcess(server.settings)).toBe(pid);
  expect(await readdir(server.folder)).not.toContain('.tidemark');
});

test('the plan is told where a restore cannot write, and how much room there is', async () => {
  const { layout } = await ready();
  const [space] = await freeSpace(layout);
  expect(space?.directory).toBe(server.dataDirectory);
  expect(space?.freeBytes).toBeGreaterThan(0);
  expect(space?.usedBytes).toBeGreaterThan(10_000_000);
  const [data] = layout.members;
  if (!data) throw new Error('no member');
  const missing = { ...layout, members: [{ ...data, directory: '/proc/tidemark/nowhere' }] };
  expect((await freeSpace(missing))[0]).toMatchObject({ usedBytes: 0 });
  const file = path.join(server.folder, 'file');
  await writeFile(file, '');
  expect(await checkStaging({ ...layout, members: [{ ...data, directory: file }] }, 99)).toEqual([
    expect.stringContaining('is not a directory'),
  ]);
  await mkdir(path.join(stagingFor(layout, 98).data), { recursive: true });
  expect(await checkStaging(layout, 98)).toEqual([]);
});
