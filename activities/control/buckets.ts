/** Buckets of customers, on the control plane: the one place that opens what the api sealed. */
import type { ExternalBucketRecord } from '../../catalog/external-bucket-types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import type { StorageCredentials } from '../../domain/storage-credentials.ts';
import { bucketContext } from '../../domain/storage-credentials.ts';
import { type ExternalBucket, openExternalStore } from '../../storage/external.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { sealBucketFor } from '../sealed-bucket.ts';
import type { ControlActivities } from './contract.ts';
import { workflowState } from './places.ts';
import type { Plane } from './plane.ts';

export function bucketActivities(plane: Plane): Pick<ControlActivities, 'sealBucket'> {
  return {
    async sealBucket({ backupId, agentId }) {
      const bucket = await bucketOf(plane, backupId);
      if (!bucket) throw bucketForgotten(backupId);
      return sealBucketFor(bucket, { agentId, backupId }, await recipientOf(plane, agentId));
    },
  };
}

/** The key of an agent, that secrets are sealed for. @throws agent_outdated */
export async function recipientOf({ catalog }: Plane, agentId: string): Promise<string> {
  const agent = await catalog.findAgent(agentId);
  if (agent && agent.recipient !== '') return agent.recipient;
  throw new TidemarkError(
    'agent_outdated',
    `The agent ${agentId} has no key that credentials could be sealed for: bring it to the version of the ` +
      'deployment and enrol it, then order this again.',
  );
}

/**
 * Where a backup lies: the customer's bucket, or the managed storage.
 *
 * @throws backup_not_found when it lies in a customer's bucket of which nothing is known any more; what opening a store
 *   does
 */
export async function storeOf(plane: Plane, backupId: string): Promise<ObjectStore> {
  const bucket = await bucketOf(plane, backupId);
  if (!bucket) {
    const backup = await plane.catalog.findBackup(backupId);
    if (backup?.method === 'external') throw bucketForgotten(backupId);
    return plane.store;
  }
  return await openExternalStore(bucket, { options: plane.storageOptions, log: plane.log });
}

function bucketForgotten(backupId: string): TidemarkError {
  return new TidemarkError(
    'backup_not_found',
    `Nothing is known any more of the bucket of the backup "${backupId}": its schedule was deleted, and the ` +
      'credentials with it. Order a schedule with "external_storage" anew.',
  );
}

/**
 * The bucket that a backup lies in which has left the catalog; undefined when nothing is known of it any more.
 *
 * @throws sealing_key_missing; what opening a store does
 */
export async function storeOfBucket(plane: Plane, bucketId: string): Promise<ObjectStore | undefined> {
  const record = await plane.catalog.findBucket(bucketId);
  if (!record) return undefined;
  return await openExternalStore(openRecord(plane, record), {
    options: plane.storageOptions,
    log: plane.log,
  });
}

async function bucketOf(plane: Plane, backupId: string): Promise<ExternalBucket | undefined> {
  const record = await plane.catalog.findExternalBucket(backupId);
  return record && openRecord(plane, record);
}

function openRecord(plane: Plane, record: ExternalBucketRecord): ExternalBucket {
  const credentials = openSealedRecord(plane, record) as StorageCredentials;
  return { location: record.location, credentials, endpoints: plane.externalEndpoints };
}

/** What the api sealed. @throws sealing_key_missing */
export function openSealedRecord({ keyRing }: Plane, record: ExternalBucketRecord): unknown {
  if (!keyRing) {
    throw new TidemarkError(
      'sealing_key_missing',
      'The control worker has no sealing key, so it cannot open the credentials of a bucket of your own: set its ' +
        "sealing_key_file to the api's.",
    );
  }
  return JSON.parse(keyRing.open(record.sealed, bucketContext(record.id)));
}

/**
 * Forgets the credentials of buckets that nothing needs any more: the schedule has no more runs, and no backup is under
 * way or can be restored. What tidies up after a backup needs them to its own end.
 */
export async function forgetUnneededBuckets({ client, catalog, log }: Plane): Promise<void> {
  for (const { id, location, backups } of await catalog.unneededBuckets()) {
    const open = await Promise.all(
      backups.map(async (backup) => {
        const own = workflowIds.backup(backup.id, backup.scheduleId);
        const states = [own, workflowIds.cleanUp(own)].map((workflow) => workflowState({ client }, workflow));
        return (await Promise.all(states)).includes('open');
      }),
    );
    if (open.includes(true) || !(await catalog.forgetBucket(id))) continue;
    log.info(
      { storage: location },
      'The credentials of a bucket that nothing needs any more were forgotten.',
    );
  }
}
