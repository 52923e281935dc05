/** One operation a service: waiting for the place, and giving it up. */
import { Context } from '@temporalio/activity';
import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { PlaceRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { pause } from '../failures.ts';
import type { ControlActivities } from './contract.ts';
import { findAgent } from './found-agent.ts';
import type { Plane } from './plane.ts';
import { clearTheWay } from './yielding.ts';

const pollMs = 500;
/** How often the holder is looked up in Temporal, in polls: it may have ended without giving its place up. */
const pollsBetweenChecks = 10;
/** A place is asked for before its workflow is started; so long the workflow may be missing. */
const startGraceMs = 60_000;

export function placeActivities(plane: Plane): Pick<ControlActivities, 'takePlace' | 'releasePlace'> {
  return {
    async takePlace({ findsAgent, ...order }) {
      await takePlace(plane, order);
      return findsAgent && (await findAgent(plane, order.serviceId));
    },
    async releasePlace({ workflowId }) {
      await plane.catalog.releasePlace(workflowId);
    },
  };
}

type PlaceOrder = Omit<Parameters<ControlActivities['takePlace']>[0], 'findsAgent'>;

async function takePlace(plane: Plane, { backupId, restoreId, undo, ...request }: PlaceOrder): Promise<void> {
  let told = '';
  for (let poll = 0; ; poll += 1) {
    const obstacle = await plane.catalog.takePlace(request);
    if (!obstacle) return;
    const message = `Waiting for ${obstacle.operation} of ${obstacle.serviceId} to end.`;
    if (message !== told) {
      if (backupId !== undefined) await plane.catalog.updateBackup(backupId, { message });
      if (restoreId !== undefined) {
        const cleared = await clearTheWay(plane, obstacle, restoreId);
        if (undo)
          await plane.catalog.updateUndo(restoreId, request.workflowId, { message: cleared ?? message });
        else await plane.catalog.updateRestore(restoreId, { message: cleared ?? message });
      }
    }
    told = message;
    if (poll % pollsBetweenChecks === 0 && (await hasEnded(plane, obstacle))) {
      plane.log.warn(
        { place: obstacle.workflowId },
        'A place was left behind by an operation that has ended.',
      );
      await plane.catalog.releasePlace(obstacle.workflowId);
      continue;
    }
    Context.current().heartbeat();
    await pause(pollMs);
  }
}

/** Whether the workflow that a place belongs to is over, or was never started. */
export async function hasEnded(
  plane: Plane,
  place: Pick<PlaceRecord, 'workflowId' | 'requestedAt'>,
): Promise<boolean> {
  const state = await workflowState(plane, place.workflowId);
  if (state === 'missing') return Date.now() - Date.parse(place.requestedAt) > startGraceMs;
  return state === 'closed';
}

export async function workflowState(
  plane: Pick<Plane, 'client'>,
  workflowId: string,
): Promise<'open' | 'closed' | 'missing'> {
  return (await lookAtWorkflow(plane, workflowId)).state;
}

/** As {@link workflowState}; of one that is closed also since when. */
export async function lookAtWorkflow(
  plane: Pick<Plane, 'client'>,
  workflowId: string,
): Promise<{ state: 'open' | 'closed' | 'missing'; closedAt?: Date }> {
  try {
    const { status, closeTime } = await plane.client.workflow.getHandle(workflowId).describe();
    if (status.name === 'RUNNING' || status.name === 'PAUSED') return { state: 'open' };
    return { state: 'closed', ...(closeTime && { closedAt: closeTime }) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { state: 'missing' };
    if (isGrpcServiceError(error)) throw new Error('Temporal does not answer.', { cause: error });
    throw error;
  }
}

/** The workflow that may still have a backup written, its own or the clean-up after it; undefined when both are over. */
export async function openWriter(
  plane: Pick<Plane, 'client'>,
  backupId: string,
  scheduleId: number,
): Promise<string | undefined> {
  const own = workflowIds.backup(backupId, scheduleId);
  for (const workflowId of [own, workflowIds.cleanUp(own)]) {
    if ((await workflowState(plane, workflowId)) === 'open') return workflowId;
  }
  return undefined;
}
