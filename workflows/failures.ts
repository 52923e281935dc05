/** What went wrong, in the words of the error table. */
import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { type ErrorName, errorTable, isErrorName, TidemarkError } from '../domain/errors.ts';

export interface Finding {
  code: ErrorName;
  message: string;
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

/** The failure that ends the workflow. Its type is the stable name, as in the API. */
export function failureOf(finding: Finding): ApplicationFailure {
  return ApplicationFailure.create({
    type: finding.code,
    message: finding.message,
    nonRetryable: true,
    details: [{ remedy: errorTable[finding.code].remedy }],
  });
}
