/** Giving an agent a customer's bucket for one operation, and finding out that it can use it. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { TidemarkError } from '../domain/errors.ts';
import type { SealedBucket } from '../domain/operations.ts';
import type { Agent, ControlPlane } from './agents.ts';

/** What the SDK's worker says of an activity that it does not have. */
const unknownActivity = 'NotFoundError';

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
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    if (!(cause instanceof ApplicationFailure) || cause.type !== unknownActivity) throw error;
    // An older agent would take the order for one of the managed storage.
    throw new TidemarkError(
      'agent_outdated',
      'The agent is of a version that knows no buckets of your own: bring it to the version of the deployment, then ' +
        'order this again.',
    );
  }
  return bucket;
}
