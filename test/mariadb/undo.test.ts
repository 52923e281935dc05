/** A restore that succeeded is undone: the replaced data serves again, or nothing has changed. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cutOver } from '../../mariadb/cutover/cut-over.ts';
import { guardName, raiseGuard } from '../../mariadb/cutover/guard.ts';
import { listOpenJournals, readJournal, undoSteps } from '../../mariadb/cutover/journal.ts';
import { keptData, markExpired, removeMarked } from '../../mariadb/cutover/previous.ts';
import { checkStaging } from '../../mariadb/restore/room.ts';
import { settleOpenJournals } from '../../mariadb/cutover/settle.ts';
import { inspectUndo, undoRestore, type UndoOptions, type UndoPlace } from '../../mariadb/cutover/undo.ts';
import { findServerProcess, isServing } from '../../mariadb/server/lifecycle.ts';
import { makeStateDirectory, materialize, takeTestBackup, type TestBackup } from '../support/copies.ts';
import type { ChildOrder } from '../support/cut-over-child.ts';
import { longRun } from '../support/long.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

const hourMs = 3_600_000;
let server: TestServer;
let backup: TestBackup;
let stateDirectory: string;
let restoreId = 0;
type Sums = Record<string, number | null>;
/** Of the tables before the restores, and in the backup. */
let old: Sums;
let fresh: Sums;

/** The data has members that are renamed and members whose files are moved. */
beforeAll(async () => {
  server = await startTestServer({ name: 'undone', layout: { binlog: true } });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.items AS SELECT seq AS id FROM shop.seq_1_to_100');
  fresh = await server.checksums();
  backup = await takeTestBackup(server);
  await server.query('DELETE FROM shop.items WHERE id > 50');
  old = await server.checksums();
  stateDirectory = await makeStateDirectory();
});
afterAll(() => server.remove());

/** Restores the backup; a restore of its own, unless `id` says which. @returns where it is undone */
async function restore(id = (restoreId += 1)): Promise<UndoPlace> {
  const { layout, staging } = await materialize(server, backup, { restoreId: id });
  const workflowId = `restore/${id}/of-a-test`;
  const place = { server: server.settings, stateDirectory, restoreId: id, workflowId, layout };
  await cutOver({ ...place, staging, keepPreviousMs: hourMs, log: silentLog });
  expect(await server.checksums()).toEqual(fresh);
  return place;
}

const undoing = (place: UndoPlace, change: Partial<UndoOptions> = {}): UndoOptions => ({
  ...place,
  undoId: 'undo/of-a-test',
  force: false,
  saveTail: () => Promise.resolve(true),
  log: silentLog,
  ...change,
});

/** As the housekeeping does. @returns the restores whose replaced data was removed */
async function tidy(now = Date.now()): Promise<number[]> {
  const place = { stateDirectory, log: silentLog };
  await markExpired({ ...place, minFreeBytes: 0, now });
  return await removeMarked({ ...place, locked: (work) => work() });
}

/** Undoes it in a process of its own, which is killed at a step. */
async function killedAt(place: UndoPlace, dieAt: string): Promise<void> {
  const order = { ...place, work: 'undo', dieAt } satisfies Omit<ChildOrder, 'staging'>;
  const file = path.join(stateDirectory, 'order.json');
  await writeFile(file, JSON.stringify(order));
  const script = path.join(import.meta.dirname, '..', 'support', 'cut-over-child.ts');
  // Jest's own options are not the child's.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'ignore', 'inherit'], env });
  const signal = await new Promise((resolve) => child.once('exit', (_, ended) => resolve(ended)));
  expect([dieAt, signal]).toEqual([dieAt, 'SIGKILL']);
}

async function settled(): Promise<Sums> {
  expect(await settleOpenJournals({ server: server.settings, stateDirectory, log: silentLog })).toBe(1);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  expect(existsSync(path.join(stateDirectory, guardName))).toBe(false);
  expect(await isServing(server.settings)).toBe(true);
  return await server.checksums();
}

/** What nobody but the server itself has written is no reason against it. */
test('a server that was started again since, and has written nothing, is put back as it was', async () => {
  const place = await restore();
  await server.stop();
  await server.start();
  expect(await inspectUndo(place)).toMatchObject({ since: { written: 'no' }, serving: true });
  const stopped: string[] = [];
  const saveTail = async (): Promise<boolean> => stopped.push(String(await isServing(server.settings))) < 0;
  const result = await undoRestore(undoing(place, { saveTail }));
  expect(result).toEqual({ serving: true, notServingMs: expect.any(Number), written: 'nothing' });
  expect(result.notServingMs).toBeLessThan(30_000);
  expect(stopped[0]).toBe('false');
  expect(await server.checksums()).toEqual(old);
  expect(await tidy()).toEqual([]);
  expect(existsSync(path.join(server.folder, '.tidemark'))).toBe(false);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);

  // Asked again: the same answer for the same undo, a refusal for another one.
  const pid = await findServerProcess(server.settings);
  expect(await undoRestore(undoing(place))).toEqual(result);
  const other = undoing(place, { undoId: 'undo/another' });
  await expect(undoRestore(other)).rejects.toMatchObject({ code: 'undo_refused' });
  expect(await findServerProcess(server.settings)).toBe(pid);
  expect(await tidy(Date.now() + 8 * 24 * hourMs)).toEqual([]);
  expect(await readJournal(stateDirectory, place.restoreId)).toBeUndefined();
});

test('killed before anything is moved, the restored data goes on; afterwards, the replaced data is back', async () => {
  const place = await restore();
  for (const step of ['before stop', 'after stop']) {
    await killedAt(place, step);
    if (step === 'after stop') await raiseGuard(stateDirectory, place.restoreId);
    expect([step, await settled()]).toEqual([step, fresh]);
  }
  const moves = undoSteps.flatMap((step) => [`before undo ${step}`, `after undo ${step}`]);
  const all = ['after reopen', ...moves];
  const steps = longRun ? all : ['after undo out'];
  for (const [index, step] of steps.entries()) {
    if (index > 0) await restore(place.restoreId);
    await killedAt(place, step);
    expect([step, await settled()]).toEqual([step, old]);
    // The order is given again by whoever had given it.
    expect(await undoRestore(undoing(place))).toMatchObject({ serving: true });
    await tidy();
    // Nobody has looked whether the server came up and wrote in between.
    const unseen = /reopen|undo stop$/.test(step);
    expect([step, existsSync(path.join(server.folder, '.tidemark'))]).toEqual([step, unseen]);
    await tidy(Date.now() + 2 * hourMs);
    expect([step, existsSync(path.join(server.folder, '.tidemark'))]).toEqual([step, false]);
  }
});

test.each(['the agent', 'the next call'])(
  'what a server writes that somebody starts in the middle is kept, where %s goes on',
  async (who) => {
    const place = await restore();
    const undone = path.join(server.folder, '.tidemark', String(place.restoreId), 'undone');
    const write = async (): Promise<void> => {
      await server.start();
      await server.query('INSERT INTO shop.items VALUES (1003)');
    };
    const order = undoing(place, { saveTail: () => Promise.resolve(false) });
    if (who === 'the agent') {
      await killedAt(place, 'after reopen');
      expect(existsSync(path.join(stateDirectory, guardName))).toBe(true);
      await write();
      expect(await settled()).toEqual(old);
    } else {
      const onStep = async (step: string): Promise<void> => {
        if (step === 'after reopen') await write();
        if (step === 'after undo out') throw new Error('interrupted');
      };
      await expect(undoRestore({ ...order, onStep })).rejects.toMatchObject({ code: 'put_back_failed' });
    }
    const done = await undoRestore(order);
    expect(done).toMatchObject({ written: 'kept', kept: { until: expect.any(String) } });
    expect(await server.checksums()).toEqual(old);
    await tidy();
    expect(existsSync(path.join(undone, 'data', 'shop'))).toBe(true);
    await tidy(Date.now() + 2 * hourMs);
    expect(existsSync(undone)).toBe(false);
  },
);

test('what was written since is lost only when that is asked for, also when it comes in the last moment', async () => {
  const place = await restore();
  const late = undoing(place, {
    onStep: async (step) => {
      if (step === 'before stop') await server.query('INSERT INTO shop.items VALUES (1001)');
    },
  });
  await expect(undoRestore(late)).rejects.toMatchObject({
    code: 'written_since',
    message: expect.stringMatching(/the first is transaction \d+-\d+-\d+, of 20/),
  });
  expect(await server.query('SELECT id FROM shop.items WHERE id = 1001')).toEqual([{ id: 1001 }]);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  const pid = await findServerProcess(server.settings);
  expect(await inspectUndo(place)).toMatchObject({ since: { written: 'yes' } });
  await expect(undoRestore(undoing(place))).rejects.toMatchObject({ code: 'written_since' });
  expect(await findServerProcess(server.settings)).toBe(pid);

  await server.query('RESET MASTER');
  expect(await inspectUndo(place)).toMatchObject({ since: { written: 'unknown' } });
  await expect(undoRestore(undoing(place))).rejects.toThrow(/are not all there any more/);
  // What those had is nowhere else: though all of the last binlog is archived, the restored data is kept.
  const directory = path.join(server.folder, '.tidemark', String(place.restoreId), 'undone', 'data');
  const undone = await undoRestore(undoing(place, { force: true }));
  expect(undone).toMatchObject({ written: 'kept', kept: { until: expect.any(String) } });
  expect(undone.kept?.directories).toContain(directory);
  expect(await server.checksums()).toEqual(old);
  await tidy();
  expect(existsSync(path.join(directory, 'shop'))).toBe(true);
  expect(await checkStaging(place.layout, place.restoreId)).toContainEqual(
    expect.stringContaining(path.dirname(directory)),
  );
  await expect(restore(place.restoreId)).rejects.toThrow(/had put there is still kept/);
  await tidy(Date.now() + 2 * hourMs);
  expect(existsSync(path.dirname(directory))).toBe(false);
});

test.each([true, false])(
  'what was written since, and lies in the spool (%s), is told; the restored data is kept: nobody may ever ship it',
  async (saved) => {
    const place = await restore();
    await server.query('INSERT INTO shop.items VALUES (1002)');
    let swapped = false;
    const undone = await undoRestore(
      undoing(place, {
        force: true,
        saveTail: () => Promise.resolve(saved),
        onStep: (step) => void (swapped ||= step === 'after undo out'),
      }),
    );
    expect([swapped, undone.written, undone.kept !== undefined]).toEqual([
      true,
      saved ? 'archived' : 'kept',
      true,
    ]);
    const directory = path.join(server.folder, '.tidemark', String(place.restoreId), 'undone');
    await tidy();
    expect(existsSync(directory)).toBe(true);
    const kept = { restoreId: place.restoreId, what: 'restored', directory, until: undone.kept?.until };
    expect(await keptData(stateDirectory)).toContainEqual({ ...kept, bytes: expect.any(Number) });
    await tidy(Date.now() + 2 * hourMs);
    expect(existsSync(directory)).toBe(false);
  },
);

test('restored data that was damaged or lost since is undone where that is asked for', async () => {
  for (const lost of ['mysql', '.']) {
    const place = await restore();
    await server.stop();
    await rm(path.join(server.dataDirectory, lost), { recursive: true });
    expect(await inspectUndo(place)).toMatchObject({
      since: { written: 'unknown', reason: expect.stringMatching(/is lost\.$/) },
      serving: false,
    });
    await expect(undoRestore(undoing(place))).rejects.toMatchObject({ code: 'written_since' });
    expect(await undoRestore(undoing(place, { force: true }))).toMatchObject({
      serving: true,
      written: 'kept',
      kept: { directories: expect.arrayContaining([expect.stringMatching(/undone\/binlog$/)]) },
    });
    expect(await server.checksums()).toEqual(old);
  }
});

test('of two restores the later is undone first, also with the server stopped by hand', async () => {
  const first = await restore();
  const stranger = { ...first, workflowId: 'restore/1/of-another-catalog' };
  await expect(inspectUndo(stranger)).rejects.toMatchObject({ code: 'undo_refused' });
  const second = await restore();
  await expect(inspectUndo(first)).rejects.toMatchObject({
    code: 'undo_refused',
    message: `Restore ${first.restoreId} cannot be undone: restore ${second.restoreId} has replaced its data since.`,
  });
  await undoRestore(undoing(second));
  expect(await server.checksums()).toEqual(fresh);
  await server.stop();
  expect(await inspectUndo(first)).toMatchObject({ since: { written: 'no' }, serving: false });
  await undoRestore(undoing(first));
  expect(await server.checksums()).toEqual(old);
});

test('a server that cannot be stopped goes on with what was restored, and its own settings', async () => {
  const place = await restore();
  const control = { kind: 'command' as const, start: ['true'], stop: ['false'] };
  const stubborn = { ...server.settings, control };
  await expect(undoRestore(undoing({ ...place, server: stubborn }))).rejects.toMatchObject({
    code: 'server_stop_failed',
  });
  expect(await server.query('SELECT @@innodb_fast_shutdown AS fast')).toEqual([{ fast: 1 }]);
  expect(await server.checksums()).toEqual(fresh);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  expect(await tidy(Date.now() + 2 * hourMs)).toEqual([place.restoreId]);
  await expect(undoRestore(undoing(place))).rejects.toMatchObject({ code: 'previous_gone' });
});
