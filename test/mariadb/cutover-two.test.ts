/** Several restores of one server, one of them interrupted: none undoes what another has done. */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { mkdir, truncate } from 'node:fs/promises';
import path from 'node:path';
import { cutOver, type CutOverOptions } from '../../mariadb/cutover/cut-over.ts';
import { listOpenJournals, readJournal, writeJournal } from '../../mariadb/cutover/journal.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { settleOpenJournals } from '../../mariadb/cutover/settle.ts';
import { beginInPlace, emptyData } from '../../mariadb/restore/in-place.ts';
import { inPlaceOpen } from '../../mariadb/restore/in-place-record.ts';
import { isServing } from '../../mariadb/server/lifecycle.ts';
import {
  makeStateDirectory,
  materialize,
  serverOwner,
  takeTestBackup,
  type TestBackup,
} from '../support/copies.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let backup: TestBackup;
let stateDirectory: string;
let restoreId = 0;
/** Of the tables in the backup, and of those that a restore replaces. */
let fresh: Record<string, number | null>;
let old: Record<string, number | null>;

beforeAll(async () => {
  server = await startTestServer({ name: 'two' });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.items AS SELECT seq AS id FROM shop.seq_1_to_100');
  fresh = await server.checksums();
  backup = await takeTestBackup(server);
});
afterAll(() => server.remove());
beforeEach(async () => {
  stateDirectory = await makeStateDirectory();
  await server.query('DELETE FROM shop.items WHERE id > 50');
  old = await server.checksums();
});

async function ready(): Promise<CutOverOptions> {
  restoreId += 1;
  const { layout, staging } = await materialize(server, backup, { restoreId });
  const places = { stateDirectory, restoreId, workflowId: `restore/${restoreId}/test`, layout, staging };
  return { server: server.settings, ...places, keepPreviousMs: 3_600_000, log: silentLog };
}

/** A cut-over that fails, and cannot be taken back either. */
async function interrupt(order: CutOverOptions): Promise<void> {
  const onStep = (step: string): void => {
    if (step === 'after start' || step === 'before undo out') throw new Error(`no ${step}`);
  };
  await expect(cutOver({ ...order, onStep })).rejects.toThrow(/could not be taken back yet/);
  expect(await listOpenJournals(stateDirectory)).toMatchObject([{ restoreId: order.restoreId }]);
}

test('an interrupted cut-over is taken back before another begins, so that undoing that one leads to the first data', async () => {
  const first = await ready();
  const second = await ready();
  await interrupt(first);
  await cutOver(second);
  expect((await readJournal(stateDirectory, first.restoreId))?.state).toBe('rolled_back');
  expect(await server.checksums()).toEqual(fresh);
  expect(await putBack(second)).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(old);
  await putBack(first);
});

test('while an interrupted cut-over cannot be taken back, no other restore begins', async () => {
  const first = await ready();
  const second = await ready();
  await interrupt(first);
  await server.start();
  const stubborn = {
    ...server.settings,
    control: { kind: 'command' as const, start: ['true'], stop: ['false'] },
  };
  const refused = cutOver({ ...second, server: stubborn });
  await expect(refused).rejects.toMatchObject({ code: 'cut_over_failed' });
  await expect(refused).rejects.toThrow(`The cut-over of restore ${first.restoreId} was interrupted`);
  expect(await readJournal(stateDirectory, second.restoreId)).toBeUndefined();

  const inPlace = { ...second, server: stubborn, owner: await serverOwner() };
  await expect(beginInPlace(inPlace)).rejects.toMatchObject({ code: 'cut_over_failed' });
  await expect(emptyData(inPlace)).rejects.toMatchObject({ code: 'cut_over_failed' });
  expect(await inPlaceOpen(stateDirectory)).toBe(false);

  expect(await putBack(first)).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(old);
  await putBack(second);
});

test('data that is back and does not start stands in the way of no other restore', async () => {
  const first = await ready();
  const second = await ready();
  await interrupt(first);
  const kept = path.join(server.folder, '.tidemark', String(first.restoreId), 'previous', 'data');
  await truncate(path.join(kept, 'ibdata1'), 1_000);
  await cutOver(second);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  expect(await server.checksums()).toEqual(fresh);
});

test('an interrupted cut-over is never taken back over a later one that was completed', async () => {
  const first = await ready();
  const second = await ready();
  await interrupt(first);
  const open = await readJournal(stateDirectory, first.restoreId);
  if (!open) throw new Error('no journal');
  await cutOver(second);
  // As if it had still been open then.
  await writeJournal(stateDirectory, open);
  expect(await settleOpenJournals({ server: server.settings, stateDirectory, log: silentLog })).toBe(1);
  expect(await listOpenJournals(stateDirectory)).toEqual([]);
  expect((await readJournal(stateDirectory, first.restoreId))?.state).toBe('obsolete');
  expect(await server.checksums()).toEqual(fresh);
  expect(await isServing(server.settings)).toBe(true);
  expect(await putBack(second)).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(old);
  await putBack(first);
});

test('a server that somebody starts while the files are moved fails the cut-over, and the old data is back', async () => {
  const order = await ready();
  const onStep = async (step: string): Promise<void> => {
    if (step === 'before start') await server.start();
  };
  await expect(cutOver({ ...order, onStep })).rejects.toThrow(/runs again/);
  expect(await server.checksums()).toEqual(old);
  await putBack(order);
});

test('a server that has run since before it should have been stopped is not taken for the restored one', async () => {
  const order = await ready();
  const { now } = Date;
  // With the clock of the check an hour back, the new server looks older than the stop.
  const clock = jest.spyOn(Date, 'now');
  const onStep = (step: string): void => {
    if (step === 'before check') clock.mockImplementation(() => now() - 3_600_000);
    if (step === 'before undo stop') clock.mockImplementation(now);
  };
  try {
    await expect(cutOver({ ...order, onStep })).rejects.toThrow(/has run for/);
  } finally {
    clock.mockRestore();
  }
  expect(await server.checksums()).toEqual(old);
  await putBack(order);
});

test('once it is committed, a restore is not failed by a note that cannot be written', async () => {
  const order = await ready();
  const note = path.join(server.folder, '.tidemark', String(restoreId), 'previous', 'previous.json');
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
  const onStep = async (step: string): Promise<void> => {
    if (step === 'after commit') await mkdir(note);
  };
  expect((await cutOver({ ...order, log, onStep })).notServingMs).toBeGreaterThan(0);
  expect(warnings).toEqual([expect.stringContaining('The restore is done')]);
  expect(await server.checksums()).toEqual(fresh);
});
