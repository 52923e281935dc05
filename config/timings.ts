/** The timings of operations: whoever starts a workflow needs them, so api and control worker have them alike. */
import { defaultTimings, type OperationTimings } from '../domain/operations.ts';
import { interval } from './values.ts';

export const timingSettings = {
  agent_wait: interval.prefault('10m').describe('How long a backup waits for its agent'),
  silence_timeout: interval
    .prefault('30s')
    .describe('How long work on a host may be silent before it counts as dead and is begun again'),
  retry_pause: interval
    .prefault('2s')
    .describe('The pause before failed work is tried again; each further pause is twice as long'),
};

export function timingsOf(
  settings: Record<'agent_wait' | 'silence_timeout' | 'retry_pause', number>,
): OperationTimings {
  return {
    ...defaultTimings,
    agentWaitMs: settings.agent_wait,
    heartbeatMs: settings.silence_timeout,
    retryMs: settings.retry_pause,
  };
}
