/** What the API tells of archived binlogs. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { FollowReport, HoleFacts, SegmentFacts } from '../../domain/archive/facts.ts';
import { awsCredentials, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
const service = serviceRecord();
const timeline = 'ab'.repeat(16);
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
  await succeededBackup(api.catalog, service, 'a');
});
afterAll(async () => {
  await api.close();
});

function segment(start: number, end: number, recipients: string[] = []): SegmentFacts {
  return {
    timeline,
    file: 'bin.000007',
    start,
    end,
    gtidBefore: '0-1-6',
    wholeEnd: end,
    gtidAfter: '0-1-9',
    storedBytes: 123,
    sha256: 'e'.repeat(64),
    recipients,
    shippedAt: ago(5),
  };
}

function report(archivedTime: string, segments: SegmentFacts[], trouble = ''): FollowReport {
  return {
    timelines: [],
    segments,
    joined: [],
    holes: [],
    state: {
      timeline,
      archived: { file: 'bin.000007', position: 300, gtid: '0-1-9' },
      archivedTime,
      lookedAt: ago(0),
      lagBytes: 40,
      spoolBytes: 80,
      trouble,
    },
  };
}

async function shown(): Promise<Record<string, unknown>> {
  const { status, body } = await api.ask('GET', `/services/${service.serviceId}`, { token: tokens.viewer });
  expect(status).toBe(200);
  return body;
}

test('a service of which nothing is followed says so, and loses what its newest backup has not', async () => {
  const body = await shown();
  expect(body['archive']).toEqual({ state: 'off', message: '' });
  expect(body).not.toHaveProperty('rpo_seconds_worst');
});

test('one that is followed says up to where, how far behind it is and was, and what it would lose', async () => {
  await api.catalog.updateFollowing(service.serviceId, {
    order: 'some',
    lag: { at: Date.now(), seconds: 90.5 },
  });
  expect((await shown())['archive']).toMatchObject({ state: 'waiting', message: '' });
  await api.catalog.recordArchive(service.serviceId, report(ago(30), [segment(0, 100), segment(100, 300)]));
  const body = await shown();
  expect(body['archive']).toMatchObject({
    state: 'following',
    message: '',
    timeline,
    binlog_file: 'bin.000007',
    binlog_position: '300',
    binlog_gtid_position: '0-1-9',
    lag_bytes: 40,
    spool_bytes: 80,
    worst_lag_seconds: 91,
  });
  const { lag_seconds: lag } = body['archive'] as { lag_seconds: number };
  expect(lag).toBeGreaterThanOrEqual(30);
  expect(lag).toBeLessThan(90);
  expect([body['rpo_seconds'], body['rpo_seconds_worst']]).toEqual([lag, 91]);
});

test('what keeps it from being archived is told', async () => {
  await api.catalog.updateFollowing(service.serviceId, { message: 'The server does not answer.' });
  expect((await shown())['archive']).toMatchObject({
    state: 'waiting',
    message: 'The server does not answer.',
  });
});

test('where it breaks off is told until a full has succeeded that began afterwards', async () => {
  const { serviceId } = service;
  await api.catalog.updateFollowing(serviceId, { message: '' });
  const from = { file: 'bin.000006', position: 4, gtid: '0-1-5' };
  const hole: HoleFacts = {
    timeline,
    from,
    fromTime: ago(50),
    cause: 'purged',
    message: 'Binlogs were removed.',
    foundAt: ago(10),
  };
  await api.catalog.recordArchive(serviceId, { ...report(ago(30), []), holes: [hole] }, { alarm: true });
  expect((await shown())['archive']).toMatchObject({
    state: 'following',
    message: 'Binlogs were removed. Take a full backup: until then nothing leads into what comes after.',
  });
  await api.catalog.endBreaks(serviceId, ago(20));
  expect((await shown())['archive']).toMatchObject({ message: expect.stringContaining('removed') });
  await api.catalog.endBreaks(serviceId, ago(5));
  expect((await shown())['archive']).toMatchObject({ state: 'following', message: '' });
});

test('an archived binlog is shown by its segments, with their objects', async () => {
  await api.catalog.recordArchive(service.serviceId, report(ago(30), [segment(300, 400, ['age1x'])]));
  const { status, body } = await api.ask('GET', `/services/${service.serviceId}/binlogs/bin.000007`);
  expect(status).toBe(200);
  const segments = body['segments'] as Record<string, unknown>[];
  expect(segments.map(({ start, end }) => [start, end])).toEqual([
    [0, 100],
    [100, 300],
    [300, 400],
  ]);
  expect(segments[2]).toEqual({
    timeline,
    object: `${service.serviceId}/timelines/${timeline}/bin.000007/000000000300-000000000400.zst.age`,
    start: 300,
    end: 400,
    sha256: 'e'.repeat(64),
    size_bytes: 123,
    recipients: ['age1x'],
  });
});

test('one of which nothing is archived is 404, as is that of another organization', async () => {
  const path = `/services/${service.serviceId}/binlogs`;
  expect(await api.ask('GET', `${path}/bin.000008`)).toMatchObject({
    status: 404,
    errors: ['binlog_not_found'],
  });
  expect(await api.ask('GET', `${path}/bin.000007`, { token: tokens.stranger })).toMatchObject({
    status: 404,
    errors: ['service_not_found'],
  });
});

describe('a binarylog backup', () => {
  const order = { service_id: service.serviceId, backup_type: 'binarylog', schedule: 'once' };

  test('is ordered where binlogs are archived, and repeats where they will be', async () => {
    const once = await api.ask('POST', '/backups/schedules', { body: order });
    expect([once.status, once.body['type']]).toEqual([200, 'binarylog']);
    await api.catalog.upsertService(serviceRecord({ serviceId: 'new', agentId: 'agent-3' }));
    const repeating = { ...order, service_id: 'new', schedule: '*/15 * * * *' };
    const answer = await api.ask('POST', '/backups/schedules', { body: repeating });
    expect([answer.status, answer.body['type']]).toEqual([200, 'binarylog']);
  });

  test.each([
    ['no full was taken', {}, {}, 'begins with the first full backup'],
    ['the server writes no binlog', { layout: { binlogBasename: '' } }, {}, 'log_bin is off'],
    ['archiving is off', {}, { archive: false }, 'switched off for this service'],
  ])('is refused where %s', async (_, { layout }: { layout?: object }, binlog, reason) => {
    const plain = serviceRecord({ serviceId: 'bare', agentId: 'agent-4' });
    await api.catalog.upsertService({ ...plain, layout: { ...plain.layout, ...layout } });
    await api.catalog.updateServiceSettings('bare', { binlog });
    const answer = await api.ask('POST', '/backups/schedules', { body: { ...order, service_id: 'bare' } });
    expect([answer.status, answer.errors]).toEqual([400, ['binlog_not_archived']]);
    expect(answer.messages).toContain(reason);
  });

  test('goes to no bucket of a customer', async () => {
    const external_storage = { bucket: { path: 's3://mine', credentials: awsCredentials } };
    const answer = await api.ask('POST', '/backups/schedules', { body: { ...order, external_storage } });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('archived in the managed storage');
  });
});
