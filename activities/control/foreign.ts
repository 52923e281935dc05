/** Backups that Tidemark did not make, on the control plane: it opens what the api sealed, and seals it for the agent. */
import { TidemarkError } from '../../domain/errors.ts';
import { objectPathOf } from '../../domain/foreign.ts';
import type { SourceSecrets } from '../../domain/storage-credentials.ts';
import { sealSourceFor } from '../../sealing/for-source.ts';
import { openSealedRecord, recipientOf } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import { findAgent } from './found-agent.ts';
import type { Plane } from './plane.ts';

export function foreignActivities(plane: Plane): Pick<ControlActivities, 'sealSource'> {
  return {
    async sealSource({ restoreId, agentId }) {
      const { catalog } = plane;
      const [restore, record] = await Promise.all([
        catalog.findRestore(restoreId),
        catalog.findRestoreSource(restoreId),
      ]);
      const object = restore && objectPathOf(restore.backupId);
      if (!restore || !record || object === undefined) throw forgotten(restoreId);
      const { serviceId, type, workflowId } = restore;
      // Whoever reaches Temporal can ask for it: it is sealed for nobody else.
      if ((await findAgent(plane, serviceId)).agentId !== agentId) throw notItsAgent(restoreId, agentId);
      const secrets = openSealedRecord(plane, record) as SourceSecrets;
      const method = type === 'logical' ? 'mysqldump' : 'mariabackup';
      return sealSourceFor(
        { location: record.location, object, method, endpoints: plane.externalEndpoints, ...secrets },
        { agentId, workflowId },
        await recipientOf(plane, agentId),
      );
    },
  };
}

function forgotten(restoreId: number): TidemarkError {
  return new TidemarkError(
    'restore_not_found',
    `Nothing is known any more of where the restore ${restoreId} begins: its credentials were forgotten. Order it again.`,
  );
}

function notItsAgent(restoreId: number, agentId: string): TidemarkError {
  return new TidemarkError(
    'sealed_for_another',
    `The agent ${agentId} is not the one of the service that the restore ${restoreId} is of. Order the restore again.`,
  );
}
