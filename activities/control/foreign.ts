/** Backups that Tidemark did not make, on the control plane: it opens what the api sealed, and seals it for the agent. */
import { TidemarkError } from '../../domain/errors.ts';
import { type AskedSource, objectPathOf } from '../../domain/foreign.ts';
import type { SourceSecrets } from '../../domain/storage-credentials.ts';
import { sealSourceFor } from '../sealed-source.ts';
import { openSealedRecord, recipientOf } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

export function foreignActivities(plane: Plane): Pick<ControlActivities, 'sealSource'> {
  return {
    async sealSource({ restoreId, agentId, asked }) {
      const { source, backupId, workflowId } = asked ?? (await sourceOf(plane, restoreId));
      const object = objectPathOf(backupId);
      if (object === undefined) throw forgotten(restoreId);
      const secrets = openSealedRecord(plane, source) as SourceSecrets;
      const { location, method } = source;
      return sealSourceFor(
        { location, object, method, endpoints: plane.externalEndpoints, ...secrets },
        { agentId, workflowId },
        await recipientOf(plane, agentId),
      );
    },
  };
}

/** What the catalog knows of it. @throws restore_not_found */
async function sourceOf(
  { catalog }: Plane,
  restoreId: number,
): Promise<{ source: AskedSource; backupId: string; workflowId: string }> {
  const [restore, record] = await Promise.all([
    catalog.findRestore(restoreId),
    catalog.findRestoreSource(restoreId),
  ]);
  if (!restore || !record) throw forgotten(restoreId);
  const { backupId, workflowId, type } = restore;
  return {
    source: { ...record, method: type === 'logical' ? 'mysqldump' : 'mariabackup' },
    backupId,
    workflowId,
  };
}

function forgotten(restoreId: number): TidemarkError {
  return new TidemarkError(
    'restore_not_found',
    `Nothing is known any more of where the restore ${restoreId} begins: its credentials were forgotten. Order it again.`,
  );
}
