/** Schedules that repeat, with a real Temporal: they run, are changed at once, and are put right when they differ. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ScheduleDescription, ScheduleHandle } from '@temporalio/client';
import { openCatalog } from '../../catalog/open.ts';
import type { ScheduleRecord } from '../../catalog/schedule-types.ts';
import type { Catalog } from '../../catalog/types.ts';
import { scheduleIds } from '../../domain/ids.ts';
import { settleSchedule } from '../../temporal/schedules.ts';
import { recordHistory } from '../support/histories.ts';
import { beginRun } from '../support/schedule-run.ts';
import { ready, TestStack, type TestService, until } from '../support/stack.ts';

interface ScheduleBody {
  id: number;
  schedule: string;
  status: string;
  message: string;
  suspended: boolean;
  scheduled_at?: string;
  backup_id?: string;
}

let stack: TestStack;
let service: TestService;
let catalog: Catalog;
let deploymentId: string;

beforeAll(async () => {
  stack = await TestStack.start('schedules', { controlSettings: { TIDEMARK_RECONCILE_INTERVAL: '1s' } });
  service = await stack.addService('cron-1');
  catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
  deploymentId = await catalog.deploymentId();
});

afterAll(async () => {
  await catalog?.close();
  await stack?.stop();
});

async function create(schedule: string): Promise<ScheduleBody> {
  const { status, body } = await stack.request<ScheduleBody>('POST', '/backups/schedules', {
    backup_type: 'full',
    schedule,
    service_id: service.serviceId,
  });
  if (status !== 200) throw new Error(`the schedule was refused: ${JSON.stringify(body)}`);
  return body;
}

async function read(id: number): Promise<ScheduleBody> {
  return (await stack.request<ScheduleBody>('GET', `/backups/schedules/${id}`)).body;
}

async function patch(id: number, change: object): Promise<ScheduleBody> {
  const { status, body } = await stack.request<ScheduleBody>('PATCH', `/backups/schedules/${id}`, change);
  if (status !== 200) throw new Error(`the change was refused: ${JSON.stringify(body)}`);
  return body;
}

async function remove(id: number): Promise<void> {
  const { status, body } = await stack.request('DELETE', `/backups/schedules/${id}`);
  if (status !== 200) throw new Error(`the deletion was refused: ${JSON.stringify(body)}`);
}

function handle(id: number): ScheduleHandle {
  return stack.client.schedule.getHandle(scheduleIds.format(deploymentId, id));
}

/** What Temporal has of a schedule; undefined: nothing. */
async function inTemporal(id: number): Promise<ScheduleDescription | undefined> {
  return await handle(id)
    .describe()
    .catch(() => undefined);
}

async function nextInTemporal(id: number): Promise<string | undefined> {
  const next = (await inTemporal(id))?.info.nextActionTimes[0];
  return next?.toISOString().replace('.000Z', 'Z');
}

/** Begins a run now, as if it were due, and waits for its backup to be there. */
async function run(id: number): Promise<string> {
  const before = (await read(id)).backup_id;
  return await beginRun(
    () => handle(id).trigger('SKIP'),
    async () => {
      const { backup_id: latest } = await read(id);
      return latest === before ? undefined : latest;
    },
  );
}

describe('a schedule that repeats', () => {
  let id: number;

  test('is in Temporal as soon as it is answered, with the same next run', async () => {
    const made = await create('0 3 * * mon-fri');
    id = made.id;
    expect(made).toMatchObject({ schedule: '0 3 * * 1-5', status: 'Scheduled', suspended: false });
    expect(made.message).toMatch(/^The first run is due at \d{4}-\d\d-\d\d 03:0\d:\d\d UTC\.$/);
    const { policies, state } = (await inTemporal(id)) ?? {};
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: (3 * 24 * 60 + 10) * 60_000 });
    expect(state?.paused).toBe(false);
    expect(await nextInTemporal(id)).toBe(made.scheduled_at);
  });

  test('takes a backup when it runs, also while the api is down', async () => {
    const { id: other } = await create('@yearly');
    await stack.api.end('SIGKILL');
    await handle(other).trigger('SKIP');
    const ended = await until(
      async () => await catalog.findSchedule(other, 'default'),
      (record) => record?.status === 'Succeeded',
      'the end of the run',
    );
    const backupId = ended?.backupId ?? '';
    await stack.api.start(ready.api);
    const schedule = await read(other);
    expect(schedule).toMatchObject({ status: 'Succeeded', backup_id: backupId });
    expect(schedule.message).toMatch(
      /^The last run: Backup has succeeded\..* The next run is due at 20\d\d-01-01 00:0\d:\d\d UTC\.$/,
    );
    expect(await stack.backupOf(backupId)).toMatchObject({ status: 'Succeeded', schedule_id: other });
    const [action] = (await inTemporal(other))?.info.recentActions ?? [];
    const workflowId = action?.action.workflow.workflowId ?? '';
    const handleOfRun = stack.client.workflow.getHandle(workflowId);
    expect(await handleOfRun.result()).toBe(`The backup ${backupId} was taken.`);
    await recordHistory(stack.client, 'scheduled-backup', workflowId);
    await remove(other);
  });

  test('is changed in Temporal and in the answer at once', async () => {
    const changed = await patch(id, { schedule: '30 4 * * *' });
    expect(changed.schedule).toBe('30 4 * * *');
    expect(changed.scheduled_at).toMatch(/T04:3\d:\d\dZ$/);
    expect(await nextInTemporal(id)).toBe(changed.scheduled_at);
  });

  test('is paused while it is suspended, and keeps its rhythm', async () => {
    const { scheduled_at: before } = await read(id);
    const suspended = await patch(id, { suspended: true });
    expect(suspended).toMatchObject({ status: 'Suspended', suspended: true });
    expect(suspended.scheduled_at).toBeUndefined();
    expect((await inTemporal(id))?.state.paused).toBe(true);
    await patch(id, { suspended: false });
    expect((await inTemporal(id))?.state.paused).toBe(false);
    expect((await read(id)).scheduled_at).toBe(before);
  });

  test('loses neither of two changes that come at once', async () => {
    for (const suspended of [true, false]) {
      const schedule = suspended ? '10 1 * * *' : '20 2 * * *';
      await Promise.all([patch(id, { schedule }), patch(id, { suspended })]);
      expect(await read(id)).toMatchObject({ schedule, suspended });
      const described = await inTemporal(id);
      expect(described?.state.paused).toBe(suspended);
      expect(described?.spec.calendars?.[0]?.hour[0]?.start).toBe(suspended ? 1 : 2);
    }
  });

  test('is gone from Temporal when it is deleted', async () => {
    await remove(id);
    expect(await inTemporal(id)).toBeUndefined();
    const { status } = await stack.request('GET', `/backups/schedules/${id}`);
    expect(status).toBe(404);
  });
});

describe('a run that comes due while the last one runs', () => {
  test('is skipped, and the schedule says so; a deletion lets the running one finish', async () => {
    // A run that comes due by itself waits as well as one that is begun by hand.
    await service.agent.end();
    const { id } = await create('* * * * *');
    await handle(id).trigger('SKIP');
    const { backup_id: backupId = '' } = await until(
      () => read(id),
      (schedule) => schedule.backup_id !== undefined,
      'the run',
    );
    await until(
      () => read(id),
      ({ message }) => message.includes('was skipped'),
      'the skipped run',
    );
    const waiting = await read(id);
    expect(waiting).toMatchObject({ status: 'Scheduled', backup_id: backupId });
    expect(waiting.message).toMatch(
      /^Waiting for the agent of cron-1.* The run due at .* UTC was skipped, because the one before was still running\. The next run is due at /,
    );
    expect((await inTemporal(id))?.info.numActionsSkippedOverlap).toBeGreaterThanOrEqual(1);
    await remove(id);
    await service.agent.start(ready.agent);
    expect(await stack.backupEnd(backupId)).toMatchObject({ status: 'Succeeded' });
  });

  test('by hand is skipped for a run that was due before the last one began', async () => {
    const { id } = await create('0 0 1 1 *');
    const backupId = await run(id);
    await stack.backupEnd(backupId);
    await until(
      async () => (await inTemporal(id))?.info.runningActions,
      (running) => running?.length === 0,
      'the end of the run',
    );
    // Owed since before: as after an outage that lasted over several runs.
    const year = new Date().getUTCFullYear();
    await handle(id).backfill({
      start: new Date(Date.UTC(year - 1, 11, 31)),
      end: new Date(Date.UTC(year, 0, 2)),
      overlap: 'ALLOW_ALL',
    });
    const actions = await until(
      async () => (await inTemporal(id))?.info.recentActions ?? [],
      (recent) => recent.length === 2,
      'the run that is owed',
    );
    const workflowId = actions.at(-1)?.action.workflow.workflowId ?? '';
    expect(await stack.client.workflow.getHandle(workflowId).result()).toBe(
      'A later run has taken its backup since this one was due: none was taken.',
    );
    expect((await read(id)).backup_id).toBe(backupId);
    await remove(id);
  });
});

describe('what a crash left between the catalog and Temporal is settled', () => {
  /** A row as the api writes it, without what comes after. */
  async function written(schedule: string): Promise<ScheduleRecord> {
    const record = await catalog.findService(service.serviceId);
    if (!record) throw new Error('there is no service');
    return await catalog.createSchedule({
      organization: 'default',
      service: record,
      schedule,
      type: 'full',
      labels: {},
      offsetSeconds: () => 17,
    });
  }

  async function untilInTemporal(
    id: number,
    wanted: (description: ScheduleDescription | undefined) => boolean,
  ): Promise<void> {
    await until(() => inTemporal(id), wanted, 'the settled schedule');
  }

  test('when a schedule was written down and never made, changed or removed', async () => {
    const { id } = await written('5 3 * * *');
    await untilInTemporal(id, (schedule) => schedule?.spec.calendars?.[0]?.minute[0]?.start === 5);
    expect(await nextInTemporal(id)).toMatch(/T03:05:17Z$/);
    await catalog.changeSchedule(id, 'default', { schedule: '6 3 * * *', suspended: true });
    await untilInTemporal(
      id,
      (schedule) => schedule?.spec.calendars?.[0]?.minute[0]?.start === 6 && schedule.state.paused,
    );
    await catalog.deleteSchedule(id, 'default');
    await untilInTemporal(id, (schedule) => schedule === undefined);
  });

  test('when it was deleted, altered, paused or left over in Temporal', async () => {
    const { id } = await written('7 3 29 2 *');
    await untilInTemporal(id, (schedule) => schedule !== undefined);
    await handle(id).delete();
    await untilInTemporal(id, (schedule) => schedule !== undefined);
    await handle(id).pause('by hand');
    await untilInTemporal(id, (schedule) => schedule?.state.paused === false);
    await handle(id).update(({ spec: _spec, ...rest }) => ({
      ...rest,
      spec: { calendars: [{ hour: 9 }] },
    }));
    await untilInTemporal(id, (schedule) => schedule?.spec.calendars?.[0]?.minute[0]?.start === 7);
    await catalog.deleteSchedule(id, 'default');
    await untilInTemporal(id, (schedule) => schedule === undefined);

    const stray = 4711;
    const strays = {
      deploymentId: async () => deploymentId,
      findScheduleIntent: async () => ({
        record: {
          id: stray,
          serviceId: service.serviceId,
          type: 'full',
          schedule: '0 3 * * *',
          offsetSeconds: 0,
          suspended: false,
        },
        revision: 1,
        deleted: false,
      }),
      settleSchedule: async () => true,
    };
    await settleSchedule(stack.client, strays, stray);
    await untilInTemporal(stray, (schedule) => schedule === undefined);
  });

  test('and what is as it should be is left alone', async () => {
    const records = await Promise.all(['55 23 28-31 * *', '*/7 22,23 13 * 5', '@hourly'].map(plain));
    const ids = records.map(({ id }) => scheduleIds.format(deploymentId, id));
    // Temporal's list is a little behind: until it shows one, that one is missing to whoever compares.
    await until(listed, (there) => ids.every((id) => there.has(id)), 'the schedules in the list of Temporal');
    await comparisons(1);
    const before = stack.control.output.length;
    await comparisons(3);
    expect(stack.control.output.slice(before)).not.toContain('brought to what the catalog says');
  });

  async function listed(): Promise<Set<string>> {
    const ids = new Set<string>();
    for await (const { scheduleId } of stack.client.schedule.list()) ids.add(scheduleId);
    return ids;
  }

  /** The catalog is compared with Temporal so often, each time from the beginning to the end. */
  async function comparisons(count: number): Promise<void> {
    const handle = stack.client.workflow.getHandle('reconcile');
    // Each ends with a pause; the first one may be under way.
    const pauses = async (): Promise<string> => {
      const { runId } = await handle.describe();
      const { events } = await stack.client.workflow.getHandle('reconcile', runId).fetchHistory();
      return `${runId} ${(events ?? []).filter((event) => event.timerStartedEventAttributes).length}`;
    };
    for (let seen = 0; seen <= count; seen += 1) {
      const before = await pauses();
      await until(pauses, (now) => now !== before, 'a comparison of the catalog with Temporal');
    }
  }

  async function plain(text: string): Promise<ScheduleRecord> {
    return await written(text === '@hourly' ? '0 * * * *' : text);
  }
});
