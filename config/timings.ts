/** The timings of operations: whoever starts a workflow needs them, so api and control worker have them alike. */
import { defaultTimings, type OperationTimings } from '../domain/operations.ts';
import { duration } from './values.ts';

export const timingSettings = {
  agent_wait: duration.prefault('10m').describe('How long a backup waits for its agent'),
  silence_timeout: duration
    .prefault('30s')
    .describe('How long work on a host may be silent before it counts as dead and is begun again'),
};

export function timingsOf(settings: { agent_wait: number; silence_timeout: number }): OperationTimings {
  return { ...defaultTimings, agentWaitMs: settings.agent_wait, heartbeatMs: settings.silence_timeout };
}
