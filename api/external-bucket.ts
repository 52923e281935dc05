/** The customer's bucket of an order: checked as far as that needs nobody's answer, and sealed at once. */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { ExternalBucketRecord } from '../catalog/external-bucket-types.ts';
import { allowedAddresses } from '../domain/endpoints.ts';
import { TidemarkError } from '../domain/errors.ts';
import { bucketContext, type StorageCredentials } from '../domain/storage-credentials.ts';
import type { KeyRing } from '../sealing/key-ring.ts';

/** @throws invalid_request when the credentials name an endpoint that this deployment does not allow; storage_unavailable */
export async function requireAllowedEndpoint(
  credentials: StorageCredentials,
  listed: readonly string[],
  field = 'external_storage.bucket.credentials',
): Promise<void> {
  if (credentials.scheme !== 's3' || credentials.endpointUrl === undefined) return;
  const resolve = async (host: string): Promise<string[]> =>
    (await lookup(host, { all: true })).map(({ address }) => address);
  const answer = await allowedAddresses(credentials.endpointUrl, listed, resolve);
  if ('addresses' in answer) return;
  if (answer.unknown) {
    throw new TidemarkError(
      'storage_unavailable',
      `The endpoint_url in "${field}" ${answer.refused}. Ask again in a moment.`,
    );
  }
  throw new TidemarkError(
    'invalid_request',
    `The field "${field}" names an endpoint_url that cannot be used: it ` +
      `${answer.refused}. Leave endpoint_url out for Amazon S3, or have its host listed in external_endpoints.`,
  );
}

/** What the catalog keeps: from here on nobody but the control worker opens the credentials. */
export function sealedBucket(
  keyRing: KeyRing,
  location: string,
  credentials: StorageCredentials,
): ExternalBucketRecord {
  const id = randomBytes(16).toString('hex');
  return { id, location, sealed: keyRing.seal(JSON.stringify(credentials), bucketContext(id)) };
}
