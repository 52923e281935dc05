/**
 * Schedules that repeat, in Temporal. The catalog says what should be, and a change is written there first; here
 * Temporal is brought to it. Whoever does so twice, or after a crash, changes nothing.
 */
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import { parseCron } from '../domain/cron.ts';
import { calendarsOf } from '../domain/cron-calendars.ts';
import { longestInterval } from '../domain/cron-runs.ts';
import { controlTaskQueue, scheduleIds } from '../domain/ids.ts';
import type { ScheduledRunInput } from '../domain/operations.ts';
import { searchAttributes } from './attributes.ts';
import { calendarSpec, digestOf } from './calendars.ts';

/** Beside the longest interval: what Temporal itself needs to come back. Milliseconds. */
const catchUpSlackMs = 10 * 60_000;
const pageSize = 1000;

/** What Temporal needs to know of a schedule. */
export interface WantedSchedule {
  id: number;
  serviceId: string;
  type: string;
  /** A cron expression in its normal form. */
  schedule: string;
  offsetSeconds: number;
  suspended: boolean;
}

/** The catalog's part, see its `Catalog`. */
export interface ScheduleIntents {
  deploymentId(): Promise<string>;
  findScheduleIntent(
    id: number,
  ): Promise<{ record: WantedSchedule; revision: number; deleted: boolean } | undefined>;
  settleSchedule(id: number, revision: number): Promise<boolean>;
}

/**
 * Brings one schedule in Temporal to what the catalog wants, and records it. When the row changes meanwhile, again:
 * of two that do this at once, the last to write to Temporal knows of the newest row, or looks once more.
 */
export async function settleSchedule(client: Client, intents: ScheduleIntents, id: number): Promise<void> {
  const deploymentId = await intents.deploymentId();
  for (;;) {
    const intent = await intents.findScheduleIntent(id);
    if (!intent || intent.deleted) await removeSchedule(client, deploymentId, id);
    else await putSchedule(client, deploymentId, intent.record);
    if (!intent || (await intents.settleSchedule(id, intent.revision))) return;
  }
}

/** What Temporal's list says of a schedule; a few seconds old at times. */
export interface ListedSchedule {
  paused: boolean;
  calendars: string;
}

/** Every schedule of this deployment that Temporal has, by its number. */
export async function listSchedules(
  client: Client,
  deploymentId: string,
): Promise<Map<number, ListedSchedule>> {
  const found = new Map<number, ListedSchedule>();
  for await (const { scheduleId, spec, state } of client.schedule.list({ pageSize })) {
    const id = scheduleIds.parse(deploymentId, scheduleId);
    if (id === undefined) continue;
    found.set(id, { paused: state.paused, calendars: digestOf(spec?.calendars ?? []) });
  }
  return found;
}

/** Whether Temporal's list says of a schedule what is wanted. */
export function isAsWanted(listed: ListedSchedule, wanted: WantedSchedule): boolean {
  return listed.paused === wanted.suspended && listed.calendars === digestOf(specOf(wanted).calendars);
}

async function putSchedule(client: Client, deploymentId: string, wanted: WantedSchedule): Promise<void> {
  const { id, serviceId, type } = wanted;
  const scheduleId = scheduleIds.format(deploymentId, id);
  const input: ScheduledRunInput = { deploymentId, scheduleId: id };
  const attributes = searchAttributes({ serviceId, operation: 'schedule', backupType: type });
  const options: ScheduleUpdateOptions = {
    spec: specOf(wanted),
    action: {
      type: 'startWorkflow',
      workflowType: 'scheduledBackup',
      workflowId: scheduleIds.run(deploymentId, id),
      taskQueue: controlTaskQueue,
      args: [input],
      typedSearchAttributes: attributes,
      staticSummary: `schedule ${id}: ${type} backup of ${serviceId}, ${wanted.schedule}`,
    },
    policies: {
      overlap: 'SKIP',
      // One interval: whatever was missed in an outage, no more than the newest run is owed after it.
      catchupWindow: longestInterval(cronOf(wanted)) + catchUpSlackMs,
      pauseOnFailure: false,
    },
    state: {
      paused: wanted.suspended,
      note: wanted.suspended
        ? `Suspended: the schedule ${id} has "suspended": true.`
        : `Kept by Tidemark: change schedule ${id} through its API, a change made here is taken back.`,
    },
    typedSearchAttributes: attributes,
  };
  try {
    await client.schedule.create({ scheduleId, ...options });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update(() => options);
  }
}

async function removeSchedule(client: Client, deploymentId: string, id: number): Promise<void> {
  try {
    await client.schedule.getHandle(scheduleIds.format(deploymentId, id)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

function specOf(wanted: WantedSchedule): { calendars: ReturnType<typeof calendarSpec>[]; timezone: string } {
  return { calendars: calendarsOf(cronOf(wanted), wanted.offsetSeconds).map(calendarSpec), timezone: 'UTC' };
}

function cronOf({ id, schedule }: WantedSchedule): Exclude<ReturnType<typeof parseCron>, { wrong: string }> {
  const cron = parseCron(schedule);
  if ('wrong' in cron) throw new RangeError(`schedule ${id} has no cron expression: ${cron.wrong}`);
  return cron;
}
