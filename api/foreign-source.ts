/** A backup that Tidemark did not make, as a restore names it: checked as far as that needs nobody's answer, and sealed. */
import { randomBytes } from 'node:crypto';
import type { ExternalBucketRecord } from '../catalog/external-bucket-types.ts';
import type { RestoredBackup, ServiceRecord } from '../catalog/types.ts';
import { TidemarkError } from '../domain/errors.ts';
import { keyBelow, objectPathOf, objectPathRule, type SealedSource } from '../domain/foreign.ts';
import { bucketContext, type SourceSecrets } from '../domain/storage-credentials.ts';
import { sealSourceFor } from '../sealing/for-source.ts';
import type { Parts } from './context.ts';
import { requireAllowedEndpoint } from './external-bucket.ts';
import type { RestoreRequest } from './schemas/restore-request.ts';

export interface ForeignRestore {
  backup: RestoredBackup & { method?: never };
  recovery?: never;
  plan?: never;
  /** The bucket as the catalog keeps it: credentials and key are sealed. */
  source: ExternalBucketRecord;
  /**
   * The same, for a plan: sealed at once for the agent that is asked, and for this one question. Nothing of it is kept.
   *
   * @throws agent_outdated
   */
  sourceFor(question: { agentId: string; workflowId: string }): Promise<SealedSource>;
}

/** Fields that say how far: a backup of somebody else is restored to its own instant. */
const senseless = ['point_in_time', 'gtid', 'before_gtid', 'latest', 'timeline'] as const;

/**
 * @returns undefined for a request that names a backup of ours
 * @throws invalid_request, storage_unavailable
 */
export async function foreignRestore(
  body: RestoreRequest,
  target: ServiceRecord,
  parts: Parts,
): Promise<ForeignRestore | undefined> {
  const { external_source: given } = body;
  if (!given) return undefined;
  const beside = senseless.find((field) => body[field] !== undefined);
  if (beside !== undefined) {
    throw new TidemarkError(
      'invalid_request',
      `The field "${beside}" has to be left out beside external_source: a backup that Tidemark did not make is restored to its own instant.`,
    );
  }
  const id = body.id ?? body.key ?? '';
  const object = objectPathOf(id);
  if (object === undefined) {
    throw new TidemarkError('invalid_request', `The field "id" has to be, ${objectPathRule}.`);
  }
  const { credentials } = given;
  const location = locationOf(given, target);
  if (credentials) {
    await requireAllowedEndpoint(credentials, parts.externalEndpoints, 'external_source.credentials');
  } else await requireOwn(location, object, target, parts);
  const encryptionKey = given.encryption_key ?? body.encryption_key;
  const secrets: SourceSecrets = {
    ...(credentials && { credentials }),
    ...(encryptionKey !== undefined && { encryptionKey }),
  };
  const bucketId = randomBytes(16).toString('hex');
  const sealed = parts.keyRing.seal(JSON.stringify(secrets), bucketContext(bucketId));
  const type = given.method === 'mysqldump' ? 'dump' : 'full';
  const source = { id: bucketId, location, sealed };
  return {
    backup: { id, serviceId: target.serviceId, type },
    source,
    async sourceFor(question) {
      const { method } = given;
      const content = { location, object, method, endpoints: parts.externalEndpoints, ...secrets };
      return sealSourceFor(content, question, await recipientOf(question.agentId, parts));
    },
  };
}

async function recipientOf(agentId: string, { catalog }: Parts): Promise<string> {
  const recipient = (await catalog.findAgent(agentId))?.recipient ?? '';
  if (recipient !== '') return recipient;
  throw new TidemarkError(
    'agent_outdated',
    `The agent ${agentId} has no key that credentials could be sealed for: bring it to the version of the deployment and ` +
      'enrol it, then order this again.',
  );
}

/** A bucket that is named without its cloud is of the one that its credentials, or the managed storage, are of. */
function locationOf(
  { bucket, credentials }: NonNullable<RestoreRequest['external_source']>,
  target: ServiceRecord,
): string {
  const plain = bucket.replace(/\/$/, '');
  if (plain.includes('://')) return plain;
  return `${credentials?.scheme ?? target.storage.split(':')[0]}://${plain}`;
}

/**
 * Without credentials of the caller only the managed storage is read, and of it only what lies below the folder of one of
 * the caller's own services: others have theirs in the same bucket.
 */
async function requireOwn(
  location: string,
  object: string,
  target: ServiceRecord,
  { catalog }: Parts,
): Promise<void> {
  const key = keyBelow(target.storage, location, object);
  const [owner = ''] = key?.split('/') ?? [];
  if (key?.includes('/') && (await catalog.findService(owner, target.organization))) return;
  throw new TidemarkError(
    'invalid_request',
    'The field "external_source.credentials" is missing: it has to be credentials in base64 for a bucket, or what is ' +
      'in it, that is not the managed storage of your own services.',
  );
}
