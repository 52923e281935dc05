/** A restore is undone, killed in the middle too, and restores are cancelled; the archive follows the data. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { readJournal } from '../../mariadb/cutover/journal.ts';
import { openStore } from '../../storage/open.ts';
import { openArchive } from '../../storage/segments.ts';
import { expectCleanHost } from '../support/aftermath.ts';
import { rebuilt } from '../support/archived.ts';
import { HeldPrograms } from '../support/held-programs.ts';
import { recordHistory } from '../support/histories.ts';
import { longRun } from '../support/long.ts';
import { ready, type RestoreBody, TestStack, type TestService, until } from '../support/stack.ts';

interface UndoneBody extends RestoreBody {
  previous_kept_until?: string;
  undo?: { status: string; message: string; workflow_id: string; not_serving_ms?: number };
}

interface Window {
  intervals: { timeline?: string; current: boolean; start_time: string; end_time: string }[];
}

const serviceId = 'undone-1';
let stack: TestStack;
let service: TestService;
let programs: HeldPrograms;
let archive: SegmentArchive;
let backupId: string;

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    // No backup of its own accord in the middle of a test.
    TIDEMARK_FULL_AFTER_HOLE: 'off',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    TIDEMARK_RETRY_PAUSE: '200ms',
    TIDEMARK_SILENCE_TIMEOUT: '5s',
  };
  stack = await TestStack.start('undo', { apiSettings: settings, controlSettings: settings });
  // The server's own user comes through to the programs.
  await chmod(stack.folder, 0o755);
  programs = await HeldPrograms.make(path.join(stack.folder, 'programs'));
  service = await stack.addService(serviceId, { serverOptions: { programs: programs.folder } });
  archive = openArchive(await openStore(pathToFileURL(stack.storage).href), serviceId);
  await service.server.query('CREATE DATABASE shop');
  await service.server.query('CREATE TABLE shop.t (t VARCHAR(40) PRIMARY KEY)');
  await insert('in the backup');
  backupId = (await stack.takeBackup(serviceId)).id;
});
beforeEach(() => programs.release());
afterAll(() => stack?.stop());

const insert = async (text: string): Promise<unknown> =>
  service.server.query('INSERT INTO shop.t VALUES (?)', [text]);

async function rows(): Promise<string[]> {
  const found = await service.server.query<{ t: string }>('SELECT t FROM shop.t ORDER BY t');
  return found.map(({ t }) => t);
}

const restoreOf = async (id: number): Promise<UndoneBody> =>
  (await stack.request<UndoneBody>('GET', `/restores/${id}`)).body;

/** @returns how the undo ended */
async function undoEnd(id: number): Promise<NonNullable<UndoneBody['undo']>> {
  const over = ({ undo }: UndoneBody): boolean => /^(Succeeded|Failed|Cancelled)$/.test(undo?.status ?? '');
  const { undo } = await until(() => restoreOf(id), over, `the end of the undo of restore ${id}`);
  return undo!;
}

/** Waits until a text is archived. @returns on which timeline */
async function archived(text: string): Promise<string> {
  const found = await until(
    async () => {
      for (const { id } of await archive.timelines())
        for await (const file of archive.files(id))
          if ((await rebuilt(archive, id, file)).includes(text)) return id;
      return undefined;
    },
    (id) => id !== undefined,
    `"${text}" in the archive`,
  );
  return found ?? '';
}

test('what was replaced serves again, its binlogs go on, and what was written in between is archived', async () => {
  await insert('before the restore');
  const first = await archived('before the restore');
  await insert('in the last moment');
  const { id, previous_kept_until: keptUntil } = (await stack.restore(backupId, serviceId)) as UndoneBody;
  expect(await rows()).toEqual(['in the backup']);
  // The other data serves: on the timeline of before nothing happens at this instant.
  const between = Date.now();
  expect(Date.parse(keptUntil ?? '')).toBeGreaterThan(Date.now() + 23 * 3_600_000);
  // Its tail, up to the moment in which it was stopped.
  expect(await archived('in the last moment')).toBe(first);

  await insert('on the restored data');
  const refused = await stack.request<{ errors: { error: string }[] }>('POST', `/restores/${id}/undo`);
  expect([refused.status, refused.body.errors.map(({ error }) => error)]).toEqual([409, ['written_since']]);
  const ordered = await stack.request<UndoneBody>('POST', `/restores/${id}/undo?force=true`);
  expect(ordered.status).toBe(200);
  const undo = await undoEnd(id);
  expect(undo).toMatchObject({
    status: 'Succeeded',
    message: expect.stringMatching(
      /was undone\..*What was written since the restore is archived, .* is kept until/,
    ),
  });
  expect(undo.not_serving_ms).toBeGreaterThan(0);
  expect(await rows()).toEqual(['before the restore', 'in the backup', 'in the last moment']);
  expect(await restoreOf(id)).not.toHaveProperty('previous_kept_until');
  await expectCleanHost(service);
  await recordHistory(stack.client, 'undo', undo.workflow_id);
  const questions = stack.client.workflow.list({ query: "WorkflowType = 'inspectUndo'" });
  for await (const { workflowId } of questions)
    await recordHistory(stack.client, 'undo-question', workflowId);

  await insert('after the undo');
  expect(await archived('after the undo')).toBe(first);
  expect(await archived('on the restored data')).not.toBe(first);
  expect(await archive.timelines()).toHaveLength(2);
  const goesOn = async (): Promise<Window> =>
    (await stack.request<Window>('GET', `/services/${serviceId}/recovery-window`)).body;
  const reaches = ({ intervals }: Window): boolean =>
    intervals.some(
      ({ timeline, current, start_time: start, end_time: end }) =>
        current && timeline === first && Date.parse(start) < between && Date.parse(end) > between + 1_000,
    );
  await until(goesOn, reaches, 'a window over the restore and its undo');
});

/** When somebody is killed: as soon as the host has begun, or so many milliseconds after the order. */
const moments: { who: 'agent' | 'control'; at: number | 'begun' }[] = [{ who: 'agent', at: 'begun' }];
if (longRun) {
  for (let count = 0; count < 25; count += 1)
    for (const who of ['agent', 'control'] as const)
      moments.push({ who, at: Math.floor(Math.random() * 4_000) });
}

test.each(moments)(
  'with $who killed in the middle ($at), the server serves whole data, and the undo ends',
  async ({ who, at }) => {
    const old = await rows();
    const { id } = await stack.restore(backupId, serviceId);
    expect((await stack.request('POST', `/restores/${id}/undo`)).status).toBe(200);
    if (at === 'begun') {
      await until(
        () => readJournal(service.stateDirectory, id),
        (journal) => journal?.undoing !== undefined,
        'the beginning of the undo',
      );
    } else await sleep(at);
    const killed = who === 'agent' ? service.agent : stack.control;
    await killed.end('SIGKILL');
    await killed.start(ready[who]);
    const undo = await undoEnd(id);
    expect(undo).toMatchObject({ status: 'Succeeded', message: expect.stringContaining('was undone') });
    expect(await rows()).toEqual(old);
    await expectCleanHost(service);
  },
);

/** @returns the GTID of a transaction that is archived */
async function newGtid(): Promise<string> {
  await insert('a place to restore to');
  await archived('a place to restore to');
  const [row] = await service.server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
  return row?.gtid ?? '';
}

const phases = ['fetching', 'preparing', 'replaying', 'checking', 'cutting_over'] as const;

test.each(phases)(
  'a restore that is cancelled in the phase %s leaves the old data serving',
  async (phase) => {
    const held = phase === 'fetching' || phase === 'preparing';
    const fields = phase === 'replaying' ? { gtid: await newGtid() } : {};
    const later = `not yet there: ${phase}`;
    await insert(later);
    const old = await rows();
    if (held) await programs.hold(phase);
    const id = await stack.orderRestore(backupId, serviceId, fields);
    const reached = ({ progress, status }: RestoreBody): boolean =>
      phases.findIndex((one) => one === progress?.phase) >= phases.indexOf(phase) || status === 'Succeeded';
    await until(() => stack.restoreOf(id), reached, `the phase ${phase}`);
    const asked = await stack.request('POST', `/restores/${id}/cancel`);
    const begun = Date.now();
    const { status, message } = await stack.restoreEnd(id);
    // One that is not held may be over before it is asked to stop; then it is not taken back.
    if (held || status !== 'Succeeded') {
      expect([asked.status, status, message]).toEqual([
        200,
        'Cancelled',
        expect.stringContaining('The server serves its old data.'),
      ]);
      expect(await rows()).toEqual(old);
      if (longRun) expect(Date.now() - begun).toBeLessThan(10_000);
    } else expect(await rows()).not.toContain(later);
    await expectCleanHost(service);
  },
);
