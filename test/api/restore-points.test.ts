/** Which backup and which binlogs a request for a point in time is understood as. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BackupRecord, RestoreRecord } from '../../catalog/types.ts';
import { agentTaskQueue } from '../../domain/ids.ts';
import { fileBytes, fileName, gtidAt, instantAt, report, segment } from '../catalog/archive-records.ts';
import { type Answer, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';
import { openWorkers, type Workers } from './workers.ts';

let api: Harness;
let workers: Workers;
let first: BackupRecord;
let second: BackupRecord;
const timeline = 'a'.repeat(32);
const service = serviceRecord({ serviceId: 'source' });
const target = serviceRecord({ serviceId: 'target' });

beforeAll(async () => {
  api = await openApi('there');
  workers = await openWorkers(api.namespace);
  for (const record of [service, target]) await api.catalog.upsertService(record);
  first = await backupAt('1', 1, 5_000);
  second = await backupAt('3', 3, 5_000);
  const segments = [1, 2, 3, 4].map((number) => segment(timeline, number, [0, fileBytes]));
  await api.catalog.recordArchive(service.serviceId, report(timeline, { segments }));
});
afterAll(async () => {
  await workers.close();
  await api.close();
});

async function backupAt(hex: string, number: number, position: number): Promise<BackupRecord> {
  return await succeededBackup(api.catalog, service, hex, {
    pointInTime: instantAt(number, position),
    binlog: { file: fileName(number), position, gtid: gtidAt(number, position) },
    timeline,
    uncompressedBytes: 1_000_000,
  });
}

async function ask(body: object, token?: string): Promise<Answer> {
  return await api.ask('POST', '/restores', {
    body: { service_id: target.serviceId, ...body },
    ...(token !== undefined && { token }),
  });
}

/** With an agent that answers. @returns what was written down, and told to the workflow */
async function ordered(body: object): Promise<{ answer: Answer; record: RestoreRecord; input: unknown }> {
  const ping = { ping: async () => ({ agentId: target.agentId }) };
  const answer = await workers.during('tidemark', undefined, async () =>
    workers.during(agentTaskQueue(target.agentId, 'control'), ping, async () => ask(body)),
  );
  expect([answer.status, answer.messages]).toEqual([200, '']);
  const record = (await api.catalog.findRestore(Number(answer.body['id'])))!;
  const history = await api.client.workflow.getHandle(record.workflowId).fetchHistory();
  const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  await api.catalog.updateRestore(record.id, { status: 'Failed', message: 'enough' });
  await api.catalog.releasePlace(record.workflowId);
  return { answer, record, input: JSON.parse(Buffer.from(payload ?? []).toString()) };
}

describe('a source service and a point', () => {
  test('are the backup before it that is the quickest, and the binlogs behind that', async () => {
    const time = instantAt(3, 6_000);
    const { answer, record, input } = await ordered({ id: 'source', point_in_time: time });
    expect(answer.body).toMatchObject({ backup_id: second.id, service_id: 'target' });
    expect(record).toMatchObject({
      backupId: second.id,
      recovery: { serviceId: 'source', target: { time: expect.any(String) } },
    });
    expect(Date.parse((record.recovery?.target as { time: string }).time)).toBe(Date.parse(time));
    expect(input).toMatchObject({ recovery: record.recovery, backupId: second.id, serviceId: 'target' });
  });

  test('of which the point is a transaction, before or after it', async () => {
    const gtid = gtidAt(2, 6_000);
    const after = await ordered({ id: 'source', gtid });
    expect(after.answer.body).toMatchObject({ backup_id: first.id, gtid });
    const before = await ordered({ id: 'source', before_gtid: gtid });
    expect(before.answer.body).toMatchObject({ backup_id: first.id, before_gtid: gtid });
    expect(before.record.recovery?.target).toMatchObject({ gtid, before: true });
  });

  test('as far as there is something', async () => {
    const { record } = await ordered({ id: 'source', latest: true });
    expect(record).toMatchObject({ backupId: second.id, recovery: { target: { latest: true } } });
  });
});

test('a named backup is the base, also where another one would be quicker', async () => {
  const point_in_time = instantAt(4, 1_000);
  const { record } = await ordered({ id: first.id, point_in_time });
  expect(record).toMatchObject({ backupId: first.id, recovery: { target: { backupId: first.id } } });
});

test('what lies behind a named backup cannot be had from it', async () => {
  const answer = await ask({ id: second.id, point_in_time: instantAt(2, 1_000) });
  expect([answer.status, answer.errors]).toEqual([400, ['outside_window']]);
});

test('a backup of binlogs is restored to its end, from a backup before it', async () => {
  const ends = { file: fileName(3), position: 2_000, gtid: gtidAt(3, 2_000) };
  const binlogs = await succeededBackup(api.catalog, service, 'b', {
    type: 'binarylog',
    pointInTime: instantAt(3, 2_000),
    binlog: ends,
    timeline,
  });
  const { record } = await ordered({ id: binlogs.id });
  expect(record).toMatchObject({
    backupId: first.id,
    recovery: { target: { place: { file: ends.file, position: ends.position }, timeline } },
  });
  const answer = await ask({ id: binlogs.id, latest: true });
  expect([answer.status, answer.errors]).toEqual([409, ['backup_not_restorable']]);
});

describe('what cannot be had', () => {
  test('names the nearest instants that can', async () => {
    const answer = await ask({ id: 'source', point_in_time: '2001-01-01 00:00:00.25' });
    expect([answer.status, answer.errors]).toEqual([400, ['outside_window']]);
    expect(answer.messages).toContain('2001-01-01T00:00:00.250000Z');
    expect(answer.messages).toContain(`The nearest that can be had: ${first.pointInTime?.slice(0, 19)}`);
  });

  test("is not told of another organization's service", async () => {
    const answer = await ask({ id: 'source', latest: true, service_id: 'target' }, tokens.stranger);
    expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
  });

  test('a dump of some databases goes nowhere', async () => {
    const dump = await succeededBackup(api.catalog, service, 'd', { type: 'dump', dumpWhole: false });
    const answer = await ask({ id: dump.id, latest: true });
    expect([answer.status, answer.errors]).toEqual([409, ['backup_not_restorable']]);
    expect(answer.messages).toContain('some databases alone');
  });

  test('nor does one with tables that are not of its place in the binlog', async () => {
    const facts = { type: 'dump', dumpWhole: true, dumpLoose: true } as const;
    const dump = await succeededBackup(api.catalog, service, 'e', facts);
    const answer = await ask({ id: dump.id, latest: true });
    expect([answer.status, answer.errors]).toEqual([409, ['backup_not_restorable']]);
    expect(answer.messages).toContain('engines without transactions');
  });
});
