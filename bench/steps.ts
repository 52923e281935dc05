/** What an operation spent its time with, out of the history that Temporal has of it. */
import { Client, Connection } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { workflowIds } from '../domain/ids.ts';
import type { Steps } from './figures.ts';

/** A workflow is found a moment after it was started, not at once. */
const patience = 50;
const pauseMs = 100;

/**
 * Milliseconds of each activity, by its name, and of what lies between them as `between`.
 *
 * @param address of a Temporal server whose namespace `default` has the restore's workflow
 */
export function restoreSteps(address: string, restoreId: number): Promise<Steps> {
  return stepsOfWorkflow(address, `restore/${restoreId}/`);
}

/** As {@link restoreSteps}, of the workflow that took a backup. */
export function backupSteps(address: string, backupId: string, scheduleId: number): Promise<Steps> {
  return stepsOfWorkflow(address, workflowIds.backup(backupId, scheduleId));
}

/** @param id what the workflow's id begins with, and no other's */
async function stepsOfWorkflow(address: string, id: string): Promise<Steps> {
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    for (let looks = 0; looks < patience; looks += 1) {
      for await (const { workflowId } of workflow.list({
        query: `WorkflowId STARTS_WITH "${id}"`,
      })) {
        const { events } = await workflow.getHandle(workflowId).fetchHistory();
        return stepsOf(events ?? []);
      }
      await sleep(pauseMs);
    }
    throw new Error(`Temporal does not find the workflow ${id}.`);
  } finally {
    await connection.close();
  }
}

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

/** Only activities of the host count: those of the control plane take milliseconds, and stand beside them. */
function stepsOf(events: NonNullable<History['events']>): Steps {
  const steps: Steps = {};
  const names = new Map<string, string>();
  const began = new Map<string, number>();
  const [first] = events;
  let end = first ? timeOf(first) : 0;
  let between = 0;
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled?.taskQueue?.name?.startsWith('agent'))
      names.set(String(event.eventId), scheduled.activityType?.name ?? '');
    const started = String(event.activityTaskStartedEventAttributes?.scheduledEventId);
    if (names.has(started)) {
      began.set(started, timeOf(event));
      between += timeOf(event) - end;
    }
    const completed = String(event.activityTaskCompletedEventAttributes?.scheduledEventId);
    const name = names.get(completed);
    if (name !== undefined) {
      steps[name] = (steps[name] ?? 0) + timeOf(event) - (began.get(completed) ?? 0);
      end = timeOf(event);
    }
  }
  const last = events.at(-1);
  return { ...steps, between: between + (last ? timeOf(last) - end : 0) };
}

function timeOf({ eventTime }: NonNullable<History['events']>[number]): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + Number(eventTime?.nanos ?? 0) / 1_000_000;
}
