/** The drills of services as schedules in Temporal. The catalog says what should be; here Temporal is brought to it. */
import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { ScheduleUpdateOptions } from '@temporalio/client';
import { parseCron } from '../domain/cron.ts';
import { calendarsOf } from '../domain/cron-calendars.ts';
import { controlTaskQueue, drillIds } from '../domain/ids.ts';
import type { OperationTimings } from '../domain/operations.ts';
import type { ProofInput } from '../domain/proofs/types.ts';
import { searchAttributes } from './attributes.ts';
import { calendarSpec, digestOf } from './calendars.ts';

/** A run that was missed in an outage is made up for so long after it; the next one comes in any case. */
const catchUpMs = 60 * 60_000;
const pageSize = 1000;

/** What Temporal needs to know of a drill. */
export interface WantedDrill {
  serviceId: string;
  /** A cron expression in its normal form. */
  schedule: string;
  offsetSeconds: number;
}

/** The catalog's part. */
export interface DrillIntents {
  deploymentId(): Promise<string>;
  findDrills(serviceIds: readonly string[]): Promise<Map<string, WantedDrill>>;
}

/**
 * Brings the drill of one service in Temporal to what the catalog wants. When that changes meanwhile, again: of two that
 * do this at once, the last to write to Temporal knows of the newest row, or looks once more.
 */
export async function settleDrill(
  client: Client,
  intents: DrillIntents,
  serviceId: string,
  timings: OperationTimings,
): Promise<void> {
  const deploymentId = await intents.deploymentId();
  const wanted = async (): Promise<WantedDrill | undefined> =>
    (await intents.findDrills([serviceId])).get(serviceId);
  for (let drill = await wanted(); ;) {
    if (drill) await putDrill(client, deploymentId, drill, timings);
    else await removeDrill(client, deploymentId, serviceId);
    const next = await wanted();
    if (next?.schedule === drill?.schedule && next?.offsetSeconds === drill?.offsetSeconds) return;
    drill = next;
  }
}

/** Every drill of this deployment that Temporal has: its calendars, to be compared, by its service. */
export async function listDrillSchedules(client: Client, deploymentId: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const query = `Operation = '${operation}'`;
  for await (const { scheduleId, spec, state } of client.schedule.list({ pageSize, query })) {
    const serviceId = drillIds.parse(deploymentId, scheduleId);
    if (serviceId === undefined) continue;
    found.set(serviceId, state.paused ? 'paused' : digestOf(spec?.calendars ?? []));
  }
  return found;
}

/** Whether what Temporal has is what is wanted. @param listed as `listDrillSchedules` says */
export function isDrillAsWanted(listed: string, wanted: WantedDrill): boolean {
  return listed === digestOf(specOf(wanted).calendars);
}

const operation = 'drill';

async function putDrill(
  client: Client,
  deploymentId: string,
  wanted: WantedDrill,
  timings: OperationTimings,
): Promise<void> {
  const { serviceId, schedule } = wanted;
  const scheduleId = drillIds.format(deploymentId, serviceId);
  const input: ProofInput = { serviceId, deploymentId, timings };
  const options: ScheduleUpdateOptions = {
    spec: specOf(wanted),
    action: {
      type: 'startWorkflow',
      workflowType: 'proof',
      workflowId: drillIds.run(deploymentId, serviceId),
      taskQueue: controlTaskQueue,
      args: [input],
      typedSearchAttributes: searchAttributes({ serviceId, operation: 'proof' }),
      staticSummary: `drill of ${serviceId}, ${schedule}`,
    },
    policies: { overlap: 'SKIP', catchupWindow: catchUpMs, pauseOnFailure: false },
    state: {
      paused: false,
      note: 'Kept by Tidemark: change it through its API, a change made here is taken back.',
    },
    typedSearchAttributes: searchAttributes({ serviceId, operation }),
  };
  try {
    await client.schedule.create({ scheduleId, ...options });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update(() => options);
  }
}

async function removeDrill(client: Client, deploymentId: string, serviceId: string): Promise<void> {
  try {
    await client.schedule.getHandle(drillIds.format(deploymentId, serviceId)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

function specOf({ serviceId, schedule, offsetSeconds }: WantedDrill): {
  calendars: ReturnType<typeof calendarSpec>[];
  timezone: string;
} {
  const cron = parseCron(schedule);
  if ('wrong' in cron)
    throw new RangeError(`the drill of ${serviceId} has no cron expression: ${cron.wrong}`);
  return { calendars: calendarsOf(cron, offsetSeconds).map(calendarSpec), timezone: 'UTC' };
}
