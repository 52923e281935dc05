/**
 * The profiles of activity options. Workflows use these and nothing else: each states its time-outs, its retries and
 * how it is cancelled, because the SDK's defaults (unlimited attempts, clean-up beside a live activity) lose data here.
 */
import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import { agentTaskQueue, controlBulkTaskQueue, controlTaskQueue } from '../domain/ids.ts';
import type { OperationTimings } from '../domain/operations.ts';

const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/**
 * The catalog. What is written there must get there in the end: attempts are unlimited. Each is short, and one whose
 * answer was lost on the way to a Temporal that went away holds an operation up for no longer than silence does.
 */
export function controlPlane(timings: OperationTimings): ActivityOptions {
  return {
    taskQueue: controlTaskQueue,
    startToCloseTimeout: timings.heartbeatMs,
    retry: { initialInterval: timings.retryMs / 4, backoffCoefficient: 2, maximumInterval: '30s' },
    cancellationType,
  };
}

/** What takes as long as it takes on the control plane, heartbeating, so that a worker that died is noticed. */
export function controlWait(timings: OperationTimings): ActivityOptions {
  return { ...controlPlane(timings), startToCloseTimeout: '365d', heartbeatTimeout: timings.heartbeatMs };
}

/**
 * What reads from a customer's bucket. It need not come back, and whoever waits for it keeps a service from other work:
 * each attempt asks for as long as the storage's own settings say, and after some of them the reason is the answer.
 */
export function controlBucket(timings: OperationTimings): ActivityOptions {
  const { retry, ...options } = controlWait(timings);
  return { ...options, retry: { ...retry, maximumInterval: timings.retryMs * 15, maximumAttempts: 6 } };
}

/** Long work of a control worker: it waits for one that is free, and a worker that died is noticed by its silence. */
export function controlBulk(timings: OperationTimings): ActivityOptions {
  return {
    taskQueue: controlBulkTaskQueue,
    startToCloseTimeout: '30d',
    heartbeatTimeout: timings.heartbeatMs,
    retry: {
      initialInterval: timings.retryMs,
      backoffCoefficient: 2,
      maximumInterval: '1m',
      maximumAttempts: 5,
    },
    cancellationType,
  };
}

/** The same for a copy, which is begun again later in any case: one that fails makes room for others soon. */
export function controlCopy(timings: OperationTimings): ActivityOptions {
  const { retry, ...options } = controlBulk(timings);
  return { ...options, retry: { ...retry, maximumAttempts: 3 } };
}

/** A question to an agent that has to answer now. */
export function hostPing(agentId: string, waitMs: number): ActivityOptions {
  return {
    taskQueue: agentTaskQueue(agentId, 'control'),
    scheduleToStartTimeout: waitMs,
    startToCloseTimeout: '5s',
    retry: { maximumAttempts: 1 },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  };
}

/** A question that takes an agent a look at its host, by somebody who waits for the answer. */
export function hostQuestion(agentId: string): ActivityOptions {
  return { ...hostPing(agentId, 5_000), startToCloseTimeout: '20s', heartbeatTimeout: '20s' };
}

/**
 * The same work, where a server that does not answer is no reason to try again in silence: whoever asked is told, and
 * asks again.
 */
export function tellingOfServer(options: ActivityOptions, ...alsoToldOf: string[]): ActivityOptions {
  return {
    ...options,
    retry: { ...options.retry, nonRetryableErrorTypes: ['database_unreachable', ...alsoToldOf] },
  };
}

/** Short orders to an agent. */
export function hostControl(agentId: string, timings: OperationTimings): ActivityOptions {
  return {
    taskQueue: agentTaskQueue(agentId, 'control'),
    scheduleToStartTimeout: timings.pickUpMs,
    startToCloseTimeout: '30m',
    heartbeatTimeout: timings.heartbeatMs,
    retry: {
      initialInterval: timings.retryMs,
      backoffCoefficient: 2,
      maximumInterval: '30s',
      maximumAttempts: 5,
    },
    cancellationType,
  };
}

/** The same, where an agent that is away has to be waited for, because going back is not possible any more. */
export function hostPatient(agentId: string, timings: OperationTimings): ActivityOptions {
  return { ...hostControl(agentId, timings), scheduleToStartTimeout: '7d' };
}

/** Long work of an agent: hours are fine, silence is not. */
export function hostBulk(agentId: string, timings: OperationTimings): ActivityOptions {
  return {
    taskQueue: agentTaskQueue(agentId, 'bulk'),
    scheduleToStartTimeout: '1h',
    startToCloseTimeout: '30d',
    heartbeatTimeout: timings.heartbeatMs,
    retry: {
      initialInterval: timings.retryMs,
      backoffCoefficient: 2,
      maximumInterval: '1m',
      maximumAttempts: 5,
    },
    cancellationType,
  };
}

/**
 * The same, where the old data is gone: a store or a key that is away for a while must not leave the server without
 * any. Tries for about an hour; giving up leaves it stopped.
 */
export function hostPatientBulk(agentId: string, timings: OperationTimings): ActivityOptions {
  const { retry, ...options } = hostBulk(agentId, timings);
  return { ...options, scheduleToStartTimeout: '7d', retry: { ...retry, maximumAttempts: 60 } };
}

/**
 * A drill on a prover. It waits behind others; where it has to make way for a restore, whoever ordered it looks who else
 * is there.
 *
 * @param lineMs how long it waits behind others
 */
export function hostProve(agentId: string, timings: OperationTimings, lineMs: number): ActivityOptions {
  return {
    taskQueue: agentTaskQueue(agentId, 'prove'),
    scheduleToStartTimeout: lineMs,
    startToCloseTimeout: '30d',
    heartbeatTimeout: timings.heartbeatMs,
    retry: {
      initialInterval: timings.retryMs,
      backoffCoefficient: 2,
      maximumInterval: '15m',
      maximumAttempts: 16,
      nonRetryableErrorTypes: ['prover_busy'],
    },
    cancellationType,
  };
}

/**
 * Following a binlog: for as long as there is the service. An agent that is away is waited for without limit, and one
 * that fell silent is begun with again as often as it takes.
 */
export function hostFollow(agentId: string, timings: OperationTimings): ActivityOptions {
  return {
    taskQueue: agentTaskQueue(agentId, 'follow'),
    startToCloseTimeout: '3650d',
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: timings.retryMs, backoffCoefficient: 2, maximumInterval: '30s' },
    cancellationType,
  };
}

/** What puts a server back waits for its agent without limit, and is tried until it works. */
export function cleanup(agentId: string, timings: OperationTimings): ActivityOptions {
  return {
    taskQueue: agentTaskQueue(agentId, 'control'),
    startToCloseTimeout: '30m',
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: timings.retryMs, backoffCoefficient: 2, maximumInterval: '1m' },
    cancellationType,
  };
}

/**
 * How long to wait before it is asked again whether a backup has ended that another workflow than this one's child
 * takes. It may take days, and each question is written into the history: the pauses grow.
 */
const firstQuestionMs = 15_000;
const longestPauseMs = 10 * 60_000;

/** @param asked how often it was asked before. @returns milliseconds */
export function pauseBeforeAsking(asked: number): number {
  return Math.min(firstQuestionMs * 2 ** asked, longestPauseMs);
}
