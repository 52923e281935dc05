/** What Temporal gives an activity, for tests that look at one activity without Temporal. */
import { asyncLocalStorage, type Info, Context } from '@temporalio/activity';
import { noopMetricMeter } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';

export interface ActivityRun<T> {
  result: Promise<T>;
  /** The details of each heartbeat so far. */
  heartbeats: unknown[];
}

/** Runs `work` as an activity that is cancelled by the signal, and by nothing else. */
export function runActivity<T>(
  work: () => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
  /** When Temporal was first asked for it, in Unix milliseconds. */
  scheduledTimestampMs = Date.now(),
): ActivityRun<T> {
  const heartbeats: unknown[] = [];
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
  cancelled.catch(() => undefined);
  const context = new Context(
    { attempt: 1, activityType: 'ofATest', heartbeatDetails: undefined, scheduledTimestampMs } as Info,
    cancelled,
    signal,
    (details) => void heartbeats.push(details),
    undefined,
    new DefaultLogger('ERROR'),
    noopMetricMeter,
    {},
  );
  return { result: asyncLocalStorage.run(context, work), heartbeats };
}
