/** A backup that Tidemark began by itself makes way for a restore: it is called off, and taken again. */
import { createHash } from 'node:crypto';
import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { PlaceRecord } from '../../catalog/types.ts';
import { formatBackupId, parseBackupId, workflowIds } from '../../domain/ids.ts';
import type { MakeWay } from '../../domain/operations.ts';
import { startBackup } from '../../temporal/start.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

export function yieldingActivities(plane: Plane): Pick<ControlActivities, 'yieldBackup'> {
  const { catalog, client, timings, log } = plane;
  return {
    async yieldBackup({ backupId, restoreId, note }) {
      const again = await catalog.yieldBackup({ backupId, restoreId, note, againId: idOfNext(backupId) });
      log.info(
        { backup: backupId, restore: restoreId, again: again?.id },
        'A backup was cancelled, to make way for a restore.',
      );
      if (!again) return;
      const { id, scheduleId, serviceId, organization, type } = again;
      await startBackup(client, { backupId: id, scheduleId, serviceId, organization, type, timings });
    },
  };
}

/**
 * Calls off the backup that has the service, when it is one that makes way.
 *
 * @returns what is to be said of it; undefined when it is none, and is waited for
 */
export async function clearTheWay(
  { catalog, client }: Plane,
  { serviceId, workflowId }: PlaceRecord,
  restoreId: number,
): Promise<string | undefined> {
  const backups = await catalog.findYielding(serviceId);
  const backup = backups.find(({ id, scheduleId }) => workflowIds.backup(id, scheduleId) === workflowId);
  if (!backup) return undefined;
  const handle = client.workflow.getHandle(workflowId);
  try {
    // Why, before that: once it is cancelled it may be over at any moment.
    await handle.signal<[MakeWay]>('makeWay', { restoreId });
    await handle.cancel();
  } catch (error) {
    // One that has ended meanwhile needs nothing any more.
    if (isGrpcServiceError(error)) throw new Error('Temporal does not answer.', { cause: error });
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  return `Waiting for backup ${backup.id} of ${serviceId} to stop, which Tidemark began by itself: it makes way for this restore.`;
}

/** The same for the same backup, so that it is taken again once. */
function idOfNext(backupId: string): string {
  const parts = parseBackupId(backupId);
  if (!parts) throw new RangeError(`the catalog has a backup of the id "${backupId}"`);
  const hex = createHash('sha256').update(`${backupId}/again`).digest('hex').slice(0, 32);
  return formatBackupId({ ...parts, hex });
}
