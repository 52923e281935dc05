/** Giving an agent a customer's bucket for one operation, and finding out that it can use it. */
import { TidemarkError } from '../domain/errors.ts';
import type { SealedBucket } from '../domain/operations.ts';
import type { Agent, ControlPlane } from './agents.ts';
import { isUnknownActivity } from './failures.ts';

/** @throws what the bucket refuses; agent_outdated */
export async function agreeOnBucket(
  plane: ControlPlane,
  agent: Agent,
  order: { backupId: string; purpose: 'backup' | 'restore' },
): Promise<SealedBucket> {
  const { backupId } = order;
  const bucket = await plane.control.sealBucket({ backupId, agentId: agent.agentId });
  try {
    await agent.control.confirmBucket({ ...order, bucket });
  } catch (error) {
    if (!isUnknownActivity(error)) throw error;
    // An older agent would take the order for one of the managed storage.
    throw new TidemarkError(
      'agent_outdated',
      'The agent is of a version that knows no buckets of your own: bring it to the version of the deployment, then ' +
        'order this again.',
    );
  }
  return bucket;
}
