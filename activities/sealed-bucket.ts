/**
 * A customer's bucket on its way from the control worker to an agent: the credentials are sealed for that agent, for one
 * backup and one place, and mean nothing elsewhere.
 */
import { TidemarkError } from '../domain/errors.ts';
import type { SealedBucket } from '../domain/operations.ts';
import type { StorageCredentials } from '../domain/storage-credentials.ts';
import { openSealed, sealForAgent } from '../sealing/for-agent.ts';
import type { ExternalBucket } from '../storage/external.ts';

/** For whom, and for what, credentials are sealed. */
interface Purpose {
  agentId: string;
  backupId: string;
}

interface Content extends Purpose {
  location: string;
  credentials: StorageCredentials;
  /** Hosts that the deployment allows: the agent connects by this list, whatever its own settings are. */
  endpoints: readonly string[];
}

export function sealBucketFor(bucket: ExternalBucket, purpose: Purpose, recipient: string): SealedBucket {
  const { location, credentials, endpoints } = bucket;
  const content: Content = { ...purpose, location, credentials, endpoints };
  return { location, sealed: sealForAgent(JSON.stringify(content), recipient) };
}

/** @throws sealed_for_another when it does not open, or was sealed for something else */
export function openSealedBucket(sealed: SealedBucket, purpose: Purpose, identity: string): ExternalBucket {
  const content = JSON.parse(openSealed(sealed.sealed, identity)) as Content;
  const { agentId, backupId, location, credentials, endpoints } = content;
  if (agentId === purpose.agentId && backupId === purpose.backupId && location === sealed.location) {
    return { location, credentials, endpoints };
  }
  throw new TidemarkError(
    'sealed_for_another',
    `The credentials that came with this order were sealed for another one, of the backup ${backupId} in ${location}. ` +
      'Order the operation again.',
  );
}
