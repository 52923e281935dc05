/** Schedules that repeat, as a client sees them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answer, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

const path = '/backups/schedules';
const service = serviceRecord({ cloudProvider: 'gcp' });
const order = { backup_type: 'full', schedule: '0 3 * * *', service_id: service.serviceId };

let api: Harness;
beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(serviceRecord({ serviceId: 'second' }));
  await api.catalog.upsertService(serviceRecord({ serviceId: 'theirs', organization: 'other' }));
});
afterAll(async () => {
  await api.close();
});

async function create(change: object = {}): Promise<number> {
  const { status, body, messages } = await api.ask('POST', path, { body: { ...order, ...change } });
  if (status !== 200) throw new Error(messages);
  return Number(body['id']);
}

const patch = async (id: number, body: unknown, token?: string): Promise<Answer> =>
  api.ask('PATCH', `${path}/${id}`, { body, ...(token === undefined ? {} : { token }) });

describe('POST /backups/schedules with a cron expression', () => {
  test('answers in the normal form, with the next run', async () => {
    const { status, body } = await api.ask('POST', path, { body: { ...order, schedule: '0 9 ** MON' } });
    expect([status, body]).toEqual([
      200,
      {
        id: expect.any(Number),
        service_id: service.serviceId,
        service_name: 'orders',
        schedule: '0 9 * * 1',
        type: 'full',
        status: 'Scheduled',
        message: expect.stringMatching(/^The first run is due at [-\d]+ 09:0\d:\d\d UTC\.$/),
        suspended: false,
        labels: {},
        cloud_provider: 'gcp',
        created_at: expect.any(String),
        updated_at: expect.any(String),
        scheduled_at: expect.stringMatching(/T09:0\d:\d\dZ$/),
      },
    ]);
    expect(new Date(String(body['scheduled_at'])).getUTCDay()).toBe(1);
  });

  test.each([
    ['0 0 31 2 *', 'there is no day 31 in the month feb'],
    ['61 * * * *', 'the minute "61" is outside of 0 to 59'],
    ['0 3 * *', 'this has 4 fields'],
    ['@never', 'is none of the words @hourly'],
  ])('refuses %s, and says what is wrong', async (schedule, reason) => {
    const answer = await api.ask('POST', path, { body: { ...order, schedule } });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_schedule']]);
    expect(answer.messages).toContain(reason);
  });

  test('only tells the next three runs with explain=true, and makes nothing', async () => {
    const count = async (): Promise<unknown> => (await api.ask('GET', path)).body['schedules_count'];
    const before = await count();
    const { status, body } = await api.ask('POST', `${path}?explain=true`, { body: order });
    expect(status).toBe(200);
    expect(body).toMatchObject({ schedule: '0 3 * * *', status: 'Scheduled', service_name: 'orders' });
    expect(body).not.toHaveProperty('id');
    const runs = body['next_runs'] as string[];
    expect(body['scheduled_at']).toBe(runs[0]);
    expect(runs.map((run) => run.slice(10))).toEqual(['T03:00:00Z', 'T03:00:00Z', 'T03:00:00Z']);
    expect(Date.parse(runs[2] ?? '') - Date.parse(runs[0] ?? '')).toBe(2 * 86_400_000);
    const once = await api.ask('POST', `${path}?explain=true`, { body: { ...order, schedule: 'once' } });
    expect(once.body['next_runs']).toHaveLength(1);
    expect(await count()).toBe(before);
  });

  test('is carried out once for an Idempotency-Key', async () => {
    const question = { body: order, headers: { 'Idempotency-Key': 'nightly-1' } };
    const first = await api.ask('POST', path, question);
    const second = await api.ask('POST', path, question);
    expect(second.body).toEqual(first.body);
  });

  test('needs an administrator, to explain it too', async () => {
    for (const query of ['', '?explain=true']) {
      const { status } = await api.ask('POST', path + query, { token: tokens.operator, body: order });
      expect(status).toBe(403);
    }
  });
});

describe('PATCH /backups/schedules/{id}', () => {
  test('changes what the body names, and nothing else', async () => {
    const id = await create();
    const changed = await patch(id, { schedule: '@hourly' });
    expect(changed.body).toMatchObject({ schedule: '0 * * * *', suspended: false, type: 'full' });
    expect(Date.parse(String(changed.body['scheduled_at'])) - Date.now()).toBeLessThan(3_600_000);
    const suspended = await patch(id, { suspended: true, backup_type: 'physical' });
    expect(suspended.body).toMatchObject({
      schedule: '0 * * * *',
      suspended: true,
      status: 'Suspended',
      message: 'Suspended: nothing runs until "suspended" is set to false.',
    });
    expect(suspended.body).not.toHaveProperty('scheduled_at');
    expect((await api.ask('GET', `${path}/${id}`)).body).toEqual(suspended.body);
  });

  test.each([
    [{}, 'invalid_request', 'at least one of schedule, backup_type and suspended'],
    [
      { schedule: 'once' },
      'invalid_schedule',
      'such as "0 3 * * *" (a schedule that repeats stays one), not "once"',
    ],
    [{ schedule: '* * * * * *' }, 'invalid_schedule', 'this has 6 fields'],
    [{ suspended: 'yes' }, 'invalid_request', '"suspended" has to be true or false'],
    [{ suspended: null }, 'invalid_request', '"suspended" has to be true or false'],
    [{ service_id: 'x', suspended: true }, 'invalid_request', '"service_id" is unknown'],
    [{ backup_type: 'snapshot' }, 'not_available', 'no volume snapshots'],
    [{ backup_type: 'complete' }, 'invalid_request', '"backup_type" has to be one of'],
  ])('refuses %j', async (body, error, reason) => {
    const answer = await patch(await create(), body);
    expect([answer.status, answer.errors]).toEqual([400, [error]]);
    expect(answer.messages).toContain(reason);
  });

  test('refuses to change a one-time schedule', async () => {
    const answer = await patch(await create({ schedule: 'once' }), { suspended: true });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('runs once and cannot be changed');
  });

  test("finds no other organization's, and needs an administrator", async () => {
    const id = await create();
    expect((await patch(id, { suspended: true }, tokens.stranger)).errors).toEqual(['schedule_not_found']);
    expect((await patch(id, { suspended: true }, tokens.operator)).status).toBe(403);
    expect((await api.ask('GET', `${path}/${id}`)).body).toMatchObject({ suspended: false });
  });
});

describe('DELETE /backups/schedules/{id}', () => {
  const remove = async (id: number, token = tokens.administrator): Promise<Answer> =>
    api.ask('DELETE', `${path}/${id}`, { token });

  test('answers with nothing, and the schedule is gone', async () => {
    const id = await create();
    const answer = await remove(id);
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect((await api.ask('GET', `${path}/${id}`)).errors).toEqual(['schedule_not_found']);
    expect((await remove(id)).errors).toEqual(['schedule_not_found']);
    expect((await patch(id, { suspended: true })).errors).toEqual(['schedule_not_found']);
  });

  test('leaves the backup of a one-time schedule that has ended', async () => {
    const { id, scheduleId } = await succeededBackup(api.catalog, service, '7');
    expect((await remove(scheduleId)).status).toBe(200);
    const { status } = await api.ask('GET', `/backups/${encodeURIComponent(id)}`);
    expect(status).toBe(200);
  });

  test('calls off the backup of a one-time schedule that has not begun', async () => {
    const { body } = await api.ask('POST', path, { body: { ...order, schedule: 'once' } });
    expect((await remove(Number(body['id']))).status).toBe(200);
    const backupId = String(body['backup_id']);
    expect(await api.catalog.findBackup(backupId)).toMatchObject({ status: 'Cancelled' });
  });

  test('refuses while the backup of a one-time schedule is running', async () => {
    const { body } = await api.ask('POST', path, { body: { ...order, schedule: 'once' } });
    const backupId = String(body['backup_id']);
    await api.catalog.updateBackup(backupId, { status: 'Running', message: 'The server is being copied.' });
    const answer = await remove(Number(body['id']));
    expect([answer.status, answer.errors]).toEqual([409, ['schedule_active']]);
    expect(answer.messages).toContain(backupId);
  });

  test("finds no other organization's, and needs an administrator", async () => {
    const id = await create();
    expect((await remove(id, tokens.stranger)).status).toBe(404);
    expect((await remove(id, tokens.operator)).status).toBe(403);
    expect((await api.ask('GET', `${path}/${id}`)).status).toBe(200);
  });
});

describe('GET /backups/schedules', () => {
  test('lists the newest first, in pages whose counts agree, by service and type', async () => {
    const ids: number[] = [];
    for (let number = 0; number < 5; number += 1) ids.push(await create({ service_id: 'second' }));
    const filter = `${path}?service_id=second&type=physical&page_size=2`;
    const pages: number[] = [];
    for (const page of [1, 2, 3]) {
      const { body } = await api.ask('GET', `${filter}&page=${page}`, { token: tokens.viewer });
      expect(body).toMatchObject({ schedules_count: 5, pages_count: 3 });
      pages.push(...(body['schedules'] as { id: number }[]).map(({ id }) => id));
    }
    expect(pages).toEqual(ids.toReversed());
    const { body } = await api.ask('GET', `${filter}&order=asc`);
    expect((body['schedules'] as { id: number }[]).map(({ id }) => id)).toEqual(ids.slice(0, 2));
  });

  test.each(['service_id=nobody', 'service_id=theirs', 'type=dump', 'type=snapshot'])(
    'is empty for %s',
    async (query) => {
      const { status, body } = await api.ask('GET', `${path}?${query}`);
      expect([status, body]).toEqual([200, { schedules: [], schedules_count: 0, pages_count: 0 }]);
    },
  );

  test.each(['type=complete', 'page=0', 'colour=red', 'order=up'])('refuses %s', async (query) => {
    expect((await api.ask('GET', `${path}?${query}`)).status).toBe(400);
  });
});

describe('without Temporal', () => {
  test('nothing is made, changed or deleted', async () => {
    const away = await openApi('away');
    await away.catalog.upsertService(service);
    const { id } = await away.catalog.createSchedule({
      organization: 'acme',
      service,
      schedule: '0 3 * * *',
      type: 'full',
      labels: {},
      offsetSeconds: () => 0,
    });
    const answers = [
      await away.ask('POST', path, { body: order }),
      await away.ask('PATCH', `${path}/${id}`, { body: { suspended: true } }),
      await away.ask('DELETE', `${path}/${id}`),
    ];
    expect(answers.map(({ errors }) => errors)).toEqual(Array(3).fill(['temporal_unavailable']));
    const { body } = await away.ask('GET', path);
    expect(body).toMatchObject({ schedules: [{ id, suspended: false }], schedules_count: 1 });
    expect((await away.ask('POST', `${path}?explain=true`, { body: order })).status).toBe(200);
    await away.close();
  });
});
