/** Backups that Tidemark did not make, on the control plane: it opens what the api sealed, and seals it for the agent. */
import { TidemarkError } from '../../domain/errors.ts';
import { objectPathOf } from '../../domain/foreign.ts';
import type { SourceSecrets } from '../../domain/storage-credentials.ts';
import { sealSourceFor } from '../sealed-source.ts';
import { openSealedRecord, recipientOf } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

export function foreignActivities(plane: Plane): Pick<ControlActivities, 'sealSource'> {
  return {
    async sealSource({ restoreId, agentId }) {
      const [restore, record] = await Promise.all([
        plane.catalog.findRestore(restoreId),
        plane.catalog.findRestoreSource(restoreId),
      ]);
      const object = objectPathOf(restore?.backupId ?? '');
      if (!restore || !record || object === undefined) {
        throw new TidemarkError(
          'restore_not_found',
          `Nothing is known any more of where the restore ${restoreId} begins: its credentials were forgotten. Order it again.`,
        );
      }
      const secrets = openSealedRecord(plane, record) as SourceSecrets;
      return sealSourceFor(
        {
          location: record.location,
          object,
          method: restore.type === 'logical' ? 'mysqldump' : 'mariabackup',
          endpoints: plane.externalEndpoints,
          ...secrets,
        },
        { agentId, workflowId: restore.workflowId },
        await recipientOf(plane, agentId),
      );
    },
  };
}
