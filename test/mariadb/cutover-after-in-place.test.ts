/** A restore side by side over what a restore in place has left half emptied: taken back, that is never started. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSampleServer } from '../../embedded/sample-lifecycle.ts';
import { cutOver, type CutOverOptions } from '../../mariadb/cutover/cut-over.ts';
import { guardName } from '../../mariadb/cutover/guard.ts';
import { listOpenJournals, readJournal, writeJournal } from '../../mariadb/cutover/journal.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { settleOpenJournals } from '../../mariadb/cutover/settle.ts';
import { beginInPlace, emptyData } from '../../mariadb/restore/in-place.ts';
import { readInPlace, writeInPlace } from '../../mariadb/restore/in-place-record.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { findServerProcess, isServing } from '../../mariadb/server/lifecycle.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { keepServerRunning } from '../../worker/server-keeper.ts';
import {
  makeStateDirectory,
  materialize,
  serverOwner,
  takeTestBackup,
  type TestBackup,
} from '../support/copies.ts';
import { openHost } from '../support/host.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

/** The restore in place that fails, and those that follow it. */
const inPlaceId = 7;
let restoreId = inPlaceId;
let server: TestServer;
let backup: TestBackup;
let stateDirectory: string;
/** Of the tables in the backup. */
let fresh: Record<string, number | null>;

beforeAll(async () => {
  server = await startTestServer({ name: 'after-in-place' });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.items AS SELECT seq AS id FROM shop.seq_1_to_100');
  fresh = await server.checksums();
  backup = await takeTestBackup(server);
});
afterAll(() => server.remove());
beforeEach(async () => {
  stateDirectory = await makeStateDirectory();
  await emptyInPlace();
});
/** Whatever was looked at: a restore mends it, as it does for the next test. */
afterEach(async () => {
  await cutOver(await ready());
  expect(await server.checksums()).toEqual(fresh);
  expect(await readInPlace(stateDirectory)).toBeUndefined();
  expect(existsSync(path.join(stateDirectory, guardName))).toBe(false);
});

/** A restore in place that fails once the data is gone, with a file of the old data that was not removed yet. */
async function emptyInPlace(): Promise<void> {
  const { settings } = server;
  const layout = await inspectLayout(settings);
  const owner = await serverOwner();
  const work = { server: settings, layout, owner, stateDirectory, restoreId: inPlaceId, log: silentLog };
  await beginInPlace(work);
  await server.stop();
  await emptyData(work);
  await mkdir(path.join(server.dataDirectory, 'shop'));
  await writeFile(path.join(server.dataDirectory, 'shop', 'items.ibd'), 'half of it');
  expect(await putBack({ ...work, workflowId: 'restore/in-place' })).toEqual({
    serving: false,
    emptied: true,
  });
}

async function ready(): Promise<CutOverOptions> {
  restoreId += 1;
  const { layout, staging } = await materialize(server, backup, { restoreId });
  const places = { stateDirectory, restoreId, workflowId: `restore/${restoreId}/test`, layout, staging };
  return { server: server.settings, ...places, keepPreviousMs: 3_600_000, log: silentLog };
}

/** A file that is of the old data until a restore has replaced it. */
async function liveHalf(): Promise<string> {
  return readFile(path.join(server.dataDirectory, 'shop', 'items.ibd'), 'utf8');
}

/** Half the data is back, is known to be, and nothing starts a server on it. */
async function expectHalfEmptied(): Promise<void> {
  expect(await liveHalf()).toBe('half of it');
  expect(await readInPlace(stateDirectory)).toEqual({ restoreId: inPlaceId, served: true, emptied: true });
  expect(existsSync(path.join(stateDirectory, guardName))).toBe(true);
  expect(await findServerProcess(server.settings)).toBeUndefined();

  const settings = {
    service_id: 'half-1',
    state_directory: stateDirectory,
    storage: 'file:///nowhere',
    server: { defaults_file: server.defaultsFile, control: { kind: 'direct', keep_running: true } },
  };
  // Nothing of the store is asked for.
  const host = await openHost(settings, {} as ObjectStore);
  const said: string[] = [];
  await startSampleServer(host.settings, (message) => said.push(message), new AbortController().signal);
  expect(said).toEqual([expect.stringContaining('has emptied the data of half-1')]);
  const stop = new AbortController();
  const keeping = keepServerRunning(host, stop.signal);
  await sleep(1_500);
  stop.abort();
  await keeping;
  expect(await findServerProcess(server.settings)).toBeUndefined();
}

test('a cut-over that fails leaves the guard up and the server stopped', async () => {
  const order = await ready();
  const onStep = (step: string): void => {
    if (step === 'after check') throw new Error('changed my mind');
  };
  await expect(cutOver({ ...order, onStep })).rejects.toThrow(/did not serve before, and is stopped/);
  await expectHalfEmptied();
  expect(await putBack(order)).toEqual({ serving: false, emptied: false });
  await expectHalfEmptied();
});

test('a restore that was done and is put back brings the record back with the half that it speaks of', async () => {
  const order = await ready();
  await cutOver(order);
  expect(await readInPlace(stateDirectory)).toBeUndefined();
  expect(await isServing(server.settings)).toBe(true);
  // A journal of an earlier version knows nothing of it, and is still read.
  const journal = await readJournal(stateDirectory, order.restoreId);
  if (!journal) throw new Error('no journal');
  const { inPlace: _, ...earlier } = journal;
  await writeJournal(stateDirectory, earlier);
  expect(await readJournal(stateDirectory, order.restoreId)).toEqual(earlier);
  await writeJournal(stateDirectory, journal);

  expect(await putBack(order)).toEqual({ serving: false, emptied: false });
  await expectHalfEmptied();
});

test.each(['after undo out', 'after undo back'])(
  'putting it back, interrupted %s, never leaves the half live without its record',
  async (moment) => {
    const order = await ready();
    await cutOver(order);
    const journal = await readJournal(stateDirectory, order.restoreId);
    if (!journal) throw new Error('no journal');
    await writeJournal(stateDirectory, { ...journal, state: 'open' });
    const settling = { server: server.settings, stateDirectory, log: silentLog };
    const onStep = (step: string): void => {
      if (step === moment) throw new Error('interrupted');
    };
    await expect(settleOpenJournals({ ...settling, onStep })).rejects.toThrow('interrupted');
    expect(await listOpenJournals(stateDirectory)).toHaveLength(1);
    const halfIsLive = (await liveHalf().catch(() => '')) === 'half of it';
    expect(halfIsLive).toBe(moment === 'after undo back');
    expect((await readInPlace(stateDirectory)) !== undefined).toBe(halfIsLive);
    expect(existsSync(path.join(stateDirectory, guardName))).toBe(true);

    expect(await settleOpenJournals(settling)).toBe(1);
    await expectHalfEmptied();
    expect(await putBack(order)).toEqual({ serving: false, emptied: false });
    await expectHalfEmptied();
  },
);

test('a record that was left behind over data that serves holds nothing back', async () => {
  await cutOver(await ready());
  // As an agent leaves it that was killed between the start of the server and the end of the record.
  await writeInPlace(stateDirectory, { restoreId: inPlaceId, served: true, emptied: true });
  await server.query('DELETE FROM shop.items WHERE id > 50');
  const old = await server.checksums();
  const order = await ready();
  await cutOver(order);
  expect(await putBack(order)).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(old);
  expect(existsSync(path.join(stateDirectory, guardName))).toBe(false);
});
