/** Has a restore planned: control worker and agent look at what it needs, and answer. */
import { ApplicationFailure, type Client, WorkflowFailedError } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { isErrorName, TidemarkError } from '../domain/errors.ts';
import { controlTaskQueue } from '../domain/ids.ts';
import type { RestoreInput } from '../domain/operations.ts';
import type { RestorePlanReport } from '../domain/restore-plan.ts';
import { temporalError } from './temporal-errors.ts';

/** Every object of a backup is looked for: thousands in a large one. Milliseconds. */
const planMs = 60_000;
/** On top of it, for Temporal itself. */
const takeUpMs = 3_000;

const lookAfter = 'See that a control worker and the agent run, and that the store answers.';
/** Of a backup that was made elsewhere: asked again, all of it would be read once more, and for as long. */
const orderInstead =
  'All of a dump, and much of other backups that were made elsewhere, is read for a plan, which may take longer than that. ' +
  'Order the restore itself: it takes its time, and refuses before anything is touched. ' +
  'Where that gets no further either, see that a control worker and the agent run.';

/** @throws what stands in the way of the restore; agent_unavailable, temporal_unavailable */
export async function planThrough(
  client: Client,
  address: string,
  input: RestoreInput,
): Promise<RestorePlanReport> {
  try {
    return await client.connection.withDeadline(Date.now() + planMs + takeUpMs, async () =>
      client.workflow.execute<(input: RestoreInput) => Promise<RestorePlanReport>>('restorePlan', {
        taskQueue: controlTaskQueue,
        workflowId: input.workflowId,
        args: [input],
        workflowExecutionTimeout: planMs,
        staticSummary: `plan of a restore of ${input.serviceId} from ${input.backupId}, ${input.mode}`,
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowFailedError))
      throw temporalError(error, address, client.options.namespace);
    const { cause } = error;
    if (cause instanceof ApplicationFailure && isErrorName(cause.type)) {
      throw new TidemarkError(cause.type, cause.message, { cause: error });
    }
    if (!(cause instanceof TimeoutFailure)) throw error;
    throw new TidemarkError(
      'agent_unavailable',
      `The plan was not there within ${planMs / 1000} s. ${input.foreign ? orderInstead : lookAfter} Nothing was started.`,
      { cause: error },
    );
  }
}
