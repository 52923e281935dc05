/** The store that an order names: the agent's own, or a customer's bucket that was sealed for this agent. */
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import type { SealedBucket } from '../../domain/operations.ts';
import { probeBucket } from '../../storage/bucket-probe.ts';
import { marked } from '../../storage/decorators/marked.ts';
import { openExternalStore } from '../../storage/external.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { beating } from '../heartbeat.ts';
import { openSealedBucket } from '../sealed-bucket.ts';
import type { HostControlActivities } from './contract.ts';
import type { Host } from './host.ts';

/** A trial that fails by something that may pass is repeated by Temporal, and its message is seen meanwhile. */
const trialRetryMs = 20_000;

interface Order {
  backupId: string;
  bucket?: SealedBucket;
}

/** @throws sealed_for_another, endpoint_refused; of a store's errors those that do not pass */
export async function storeFor(host: Host, { backupId, bucket }: Order): Promise<ObjectStore> {
  if (!bucket) return host.store;
  return await openBucket(host, backupId, bucket, host.settings.storage_options.retry_for);
}

/** The agent's own storage, for what is written for a deployment. Its methods throw storage_foreign where it is another's. */
export function ownStore(host: Host, { deploymentId }: { deploymentId: string }): ObjectStore {
  return marked(host.store, deploymentId);
}

export function bucketActivities(host: Host): Pick<HostControlActivities, 'confirmBucket'> {
  return {
    confirmBucket: ({ backupId, bucket, purpose }) =>
      beating(async () => {
        const longest = Math.min(trialRetryMs, host.settings.storage_options.retry_for);
        const store = await openBucket(host, backupId, bucket, longest);
        if (purpose === 'backup') await probeBucket(store);
        else await store.stat(objectKeys.manifest(backupId));
      }),
  };
}

async function openBucket(
  host: Host,
  backupId: string,
  bucket: SealedBucket,
  retryForMs: number,
): Promise<ObjectStore> {
  const { agentId, ageIdentity, settings, log, waits } = host;
  if (ageIdentity === undefined) throw new TidemarkError('internal', 'This agent has no age identity.');
  const opened = openSealedBucket(bucket, { agentId, backupId }, ageIdentity);
  const options = { ...settings.storage_options, retry_for: retryForMs };
  return await openExternalStore(opened, { options, log, waits });
}
