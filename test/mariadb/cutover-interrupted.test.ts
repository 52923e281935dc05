import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { guardName } from '../../mariadb/cutover/guard.ts';
import { listOpenJournals, readJournal, steps, undoSteps } from '../../mariadb/cutover/journal.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { settleOpenJournals } from '../../mariadb/cutover/settle.ts';
import { isServing } from '../../mariadb/server/lifecycle.ts';
import { makeStateDirectory, materialize, takeTestBackup, type TestCopy } from '../support/copies.ts';
import type { ChildOrder } from '../support/cut-over-child.ts';
import { longRun } from '../support/long.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

const restoreId = 1;
let server: TestServer;
let copy: TestCopy;
let stateDirectory: string;
/** Of the tables before the cut-over, and in the backup. */
let old: Record<string, number | null>;
let fresh: Record<string, number | null>;

/** The data has members that are renamed and members whose files are moved. */
beforeAll(async () => {
  server = await startTestServer({ name: 'interrupted', layout: { binlog: true, redo: true } });
  await server.loadSample({ rows: 20 });
  await server.query('DROP TABLE shop.sessions');
  fresh = await server.checksums();
  const backup = await takeTestBackup(server);
  await server.query('UPDATE shop.notes_aria SET note = 1');
  await server.query('DELETE FROM shop.orders');
  old = await server.checksums();
  stateDirectory = await makeStateDirectory();
  copy = await materialize(server, backup, { restoreId });
});

afterAll(async () => {
  await server.remove();
});

/** Runs the work in a process of its own; the signal that ended it, if one did. */
async function runChild(work: ChildOrder['work'], dieAt: string): Promise<string | null> {
  const order: ChildOrder = {
    work,
    dieAt,
    server: server.settings,
    stateDirectory,
    restoreId,
    workflowId: 'restore/of-a-test',
    ...copy,
  };
  const file = path.join(stateDirectory, 'order.json');
  await writeFile(file, JSON.stringify(order));
  const script = path.join(import.meta.dirname, '..', 'support', 'cut-over-child.ts');
  // Jest's own options are not the child's.
  const child = spawn(process.execPath, [script, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return await new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
}

async function expectOld(): Promise<void> {
  expect(existsSync(path.join(stateDirectory, guardName))).toBe(false);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  expect(await isServing(server.settings)).toBe(true);
  expect(await server.checksums()).toEqual(old);
  expect(existsSync(path.join(copy.staging.data, 'mysql'))).toBe(true);
}

const sides = (names: readonly string[]): string[] =>
  names.flatMap((name) => [`before ${name}`, `after ${name}`]);
const forward = sides(steps).filter((name) => name !== 'after commit');
const backward = sides(undoSteps.map((name) => `undo ${name}`));
/** Without the long run: the moments just before and in the middle of each kind of change. */
const sampled = [
  'after begin',
  'before stop',
  'after aside',
  'before in',
  'after in',
  'after start',
  'before commit',
];

/** When the data is neither whole where it was nor whole where it goes. */
const moving = ['after aside', 'before in', 'after in', 'before own', 'after own', 'before start'];

test.each(longRun ? forward : sampled)(
  'killed %s, the old data serves again once the journal is settled',
  async (dieAt) => {
    expect(await runChild('cut over', dieAt)).toBe('SIGKILL');
    expect((await readJournal(stateDirectory, restoreId))?.state).toBe('open');
    expect(existsSync(path.join(stateDirectory, guardName))).toBe(moving.includes(dieAt));
    expect(await settleOpenJournals({ server: server.settings, stateDirectory, log: silentLog })).toBe(1);
    await expectOld();
  },
);

test.each(longRun ? backward : ['after undo out', 'before undo back', 'after undo back'])(
  'killed again %s while the journal is settled, it is settled by the next',
  async (dieAt) => {
    expect(await runChild('cut over', 'after check')).toBe('SIGKILL');
    expect(await runChild('settle', dieAt)).toBe('SIGKILL');
    expect(await settleOpenJournals({ server: server.settings, stateDirectory, log: silentLog })).toBe(1);
    await expectOld();
  },
);

test('the guard for systemd names the file that is there while files are moved', async () => {
  const unit = path.join(import.meta.dirname, '..', '..', 'deploy', 'systemd', 'mariadb.service.conf');
  expect(await readFile(unit, 'utf8')).toContain(`AssertPathExists=!/var/lib/tidemark/${guardName}\n`);
});

test('begun anew after an interruption the cut-over succeeds; killed after its end, it is still done', async () => {
  expect(await runChild('cut over', 'after own')).toBe('SIGKILL');
  expect(await runChild('cut over', 'after commit')).toBe('SIGKILL');
  expect(await settleOpenJournals({ server: server.settings, stateDirectory, log: silentLog })).toBe(0);
  expect(await server.checksums()).toEqual(fresh);
  expect(await runChild('cut over', '')).toBe(null);
  expect(await server.checksums()).toEqual(fresh);
  expect(await readdir(path.join(server.folder, '.tidemark', String(restoreId)))).toEqual(['previous']);
});

test('a committed restore is put back on demand, and a second time nothing happens', async () => {
  const undone = {
    server: server.settings,
    stateDirectory,
    restoreId,
    workflowId: 'restore/of-a-test',
    layout: copy.layout,
    log: silentLog,
  };
  expect(await putBack(undone)).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(old);
  expect(existsSync(path.join(server.folder, '.tidemark'))).toBe(false);
  expect(existsSync(path.join(server.folder, 'binlog', '.tidemark'))).toBe(false);
  expect(await readJournal(stateDirectory, restoreId)).toBeUndefined();
  expect(await putBack(undone)).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(old);
});
