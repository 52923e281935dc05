/** What a revoked agent was working on is called off; and given up, where the agent is not there to end it. */
import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { PlaceRecord } from '../../catalog/types.ts';
import type { AgentDismissal } from '../../domain/operations.ts';
import type { ControlActivities } from './contract.ts';
import { hasEnded } from './places.ts';
import type { Plane } from './plane.ts';

export function dismissalActivities(plane: Plane): Pick<ControlActivities, 'endOrders' | 'abandonOrders'> {
  return {
    async endOrders({ agentId }) {
      const agent = await plane.catalog.findAgent(agentId);
      if (agent?.state !== 'revoked') return;
      const { serviceId, revokedAt = agent.createdAt, message } = agent;
      const place = await ordersOf(plane, { serviceId, revokedAt });
      if (place) {
        await tell(plane, place, { reason: reasonOf(message), gone: false });
        await plane.client.workflow.getHandle(place.workflowId).cancel().catch(unlessOver);
        plane.log.warn({ agentId, serviceId, operation: place.operation }, 'An operation was called off.');
      }
      await plane.catalog.markDismissed(agentId);
    },
    async abandonOrders({ agentId }) {
      const agent = await plane.catalog.findAgent(agentId);
      if (agent?.state !== 'revoked') return;
      const { serviceId, revokedAt = agent.createdAt, message } = agent;
      const place = await ordersOf(plane, { serviceId, revokedAt });
      if (place) await tell(plane, place, { reason: reasonOf(message), gone: true });
    },
  };
}

/** The operation that has the service since before its agent was revoked. */
export async function ordersOf(
  plane: Plane,
  { serviceId, revokedAt }: { serviceId: string; revokedAt: string },
): Promise<PlaceRecord | undefined> {
  const places = await plane.catalog.listPlaces();
  const place = places.find((one) => one.serviceId === serviceId && one.held);
  if (!place || place.requestedAt > revokedAt || (await hasEnded(plane, place))) return undefined;
  return place;
}

async function tell(plane: Plane, { workflowId }: PlaceRecord, dismissal: AgentDismissal): Promise<void> {
  const handle = plane.client.workflow.getHandle(workflowId);
  await handle.signal<[AgentDismissal]>('agentDismissed', dismissal).catch(unlessOver);
}

function reasonOf(message: string): string {
  return `Its agent was revoked. ${message}`;
}

/** One that has ended meanwhile needs nothing any more. */
function unlessOver(error: unknown): void {
  if (error instanceof WorkflowNotFoundError) return;
  if (isGrpcServiceError(error)) throw new Error('Temporal does not answer.', { cause: error });
  throw error as Error;
}
