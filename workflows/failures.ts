/** What went wrong, in the words of the error table. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import { type ErrorName, errorTable, isErrorName, TidemarkError } from '../domain/errors.ts';

export interface Finding {
  code: ErrorName;
  message: string;
}

/** The type of what the SDK's worker says of an activity that it does not have. */
export const unknownActivity = 'NotFoundError';

/** Whether an agent of an earlier version was asked for what it does not know. */
export function isUnknownActivity(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === unknownActivity;
}

/** The innermost reason of a failed step. An agent that did not take an order, or fell silent, is `agent_unavailable`. */
export function findingOf(error: unknown): Finding {
  if (isCancellation(error)) return { code: 'operation_cancelled', message: 'The operation was cancelled.' };
  if (error instanceof TidemarkError) return { code: error.code, message: error.message };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    return { code: isErrorName(cause.type) ? cause.type : 'internal', message: cause.message };
  }
  if (cause instanceof TimeoutFailure && error instanceof ActivityFailure) {
    const step = error.activityType;
    if (step === 'examineBackup' || step === 'copyBackup') {
      return {
        code: 'operation_lost',
        message:
          'The control worker fell silent and did not come back in time. See that it runs, then ask again.',
      };
    }
    return {
      code: 'agent_unavailable',
      message:
        cause.timeoutType === 'SCHEDULE_TO_START'
          ? `No agent took up "${step}" in time. See that the agent runs.`
          : `The agent fell silent during "${step}" and did not come back in time. See that the agent runs.`,
    };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/**
 * How an operation ended that did not succeed. One that was called off is Cancelled, also when what stopped it in the
 * end was that nobody was there any more to hear it.
 */
export interface Ending extends Finding {
  status: 'Failed' | 'Cancelled';
  /** What the workflow fails with: the first error, not one of the clean-up. */
  failure: Error;
}

/** To be called in the operation's own scope, before anything is cleaned up. */
export function endingOf(error: unknown): Ending {
  const finding = findingOf(error);
  if (finding.code !== 'operation_cancelled' && !CancellationScope.current().consideredCancelled) {
    return { ...finding, status: 'Failed', failure: failureOf(finding) };
  }
  const message = 'The operation was cancelled.';
  const failure = isCancellation(error) && error instanceof Error ? error : new CancelledFailure(message);
  return { code: 'operation_cancelled', message, status: 'Cancelled', failure };
}

/** The failure that ends the workflow. Its type is the stable name, as in the API. */
export function failureOf(finding: Finding): ApplicationFailure {
  return ApplicationFailure.create({
    type: finding.code,
    message: finding.message,
    nonRetryable: true,
    details: [{ remedy: errorTable[finding.code].remedy }],
  });
}
