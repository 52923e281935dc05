/** The timings of operations: whoever starts a workflow needs them, so api and control worker have them alike. */
import { defaultTimings, type OperationTimings } from '../domain/operations.ts';
import { interval, spread } from './values.ts';

export const timingSettings = {
  agent_wait: interval.prefault('10m').describe('How long a backup waits for its agent'),
  server_wait: interval
    .prefault('1m')
    .describe('How long a backup waits for a database server that does not answer'),
  prover_wait: interval
    .prefault('12h')
    .describe('How long a drill waits for a prover that is free, before it ends without a verdict'),
  silence_timeout: interval
    .prefault('30s')
    .describe('How long work on a host may be silent before it counts as dead and is begun again'),
  retry_pause: interval
    .prefault('2s')
    .describe('The pause before failed work is tried again; each further pause is twice as long'),
};

export function timingsOf(
  settings: Record<'agent_wait' | 'server_wait' | 'prover_wait' | 'silence_timeout' | 'retry_pause', number>,
): OperationTimings {
  return {
    ...defaultTimings,
    agentWaitMs: settings.agent_wait,
    serverWaitMs: settings.server_wait,
    proverWaitMs: settings.prover_wait,
    heartbeatMs: settings.silence_timeout,
    retryMs: settings.retry_pause,
  };
}

/** For whoever makes schedules. What is made keeps the offset that it was given. */
export const scheduleSettings = {
  schedule_spread: spread
    .prefault('5m')
    .describe(
      'How far the runs of schedules that are due at one time are spread: each schedule begins later by an offset of its own, less than this',
    ),
};
