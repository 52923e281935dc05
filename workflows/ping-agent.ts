/** Asks an agent whether it is there: what `POST /restores` does before it accepts an order. */
import { proxyActivities } from '@temporalio/workflow';
import type { HostControlActivities } from '../activities/host/contract.ts';
import { failureOf } from './failures.ts';
import { hostPing } from './profiles.ts';

/** @throws ApplicationFailure `agent_unavailable` when there is no answer within 5 s */
export async function pingAgent(input: { agentId: string }): Promise<{ agentId: string }> {
  try {
    return await proxyActivities<HostControlActivities>(hostPing(input.agentId, 5_000)).ping();
  } catch {
    throw failureOf({
      code: 'agent_unavailable',
      message: `The agent ${input.agentId} did not answer within 5 s.`,
    });
  }
}
