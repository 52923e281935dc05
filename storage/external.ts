/** A customer's own bucket, with the customer's own credentials: nothing of the deployment's own is used for it. */
import { storageOptions, type StorageOptions } from '../config/storage.ts';
import type { Log } from '../domain/log.ts';
import type { StorageCredentials } from '../domain/storage-credentials.ts';
import type { StoreMeter } from './decorators/measured.ts';
import { discreet, textWithoutSecrets, withoutSecrets } from './decorators/discreet.ts';
import { logged } from './decorators/logged.ts';
import type { GcsCredentials } from './gcs/client.ts';
import { guardedLookup, requireAllowed } from './guarded-lookup.ts';
import { openStore } from './open.ts';
import type { S3Credentials } from './s3/client.ts';
import type { ObjectStore } from './store.ts';
import type { WaitsHeard } from './waits.ts';

export interface ExternalBucket {
  /** `s3://bucket/prefix` */
  location: string;
  credentials: StorageCredentials;
  /** Hosts that the credentials may name as their endpoint. */
  endpoints: readonly string[];
}

export interface ExternalOptions {
  /** Of the process: limits, time-outs and how much at once; what names a place or a key is left out. */
  options?: StorageOptions;
  log?: Log | undefined;
  meter?: StoreMeter | undefined;
  /** Hears what is waited for, without secrets. */
  waits?: WaitsHeard | undefined;
}

/**
 * Opens a bucket as {@link openStore} does. What a failure says never has a secret of the credentials in it; the log
 * gets what is safe by the same rule, because the requests are not logged before that.
 *
 * @throws endpoint_refused when the credentials name an address that is not allowed; of a store's errors those that do
 *   not pass
 */
export async function openExternalStore(
  { location, credentials, endpoints }: ExternalBucket,
  { options = storageOptions.parse({}), log, meter, waits }: ExternalOptions = {},
): Promise<ObjectStore> {
  const secrets = secretsOf(credentials);
  const { parallel_requests, upload_limit, download_limit, request_timeout, retry_for, checksums } = options;
  const limits = { parallel_requests, upload_limit, download_limit, request_timeout, retry_for, checksums };
  const common = { ...storageOptions.parse({}), ...limits };
  try {
    const own = await accessOf(credentials, endpoints);
    const store = await openStore(location, {
      options: { ...common, ...own.options },
      credentials: own.credentials,
      ...(meter && { meter }),
      ...(waits && { waits: discreetWaits(waits, secrets) }),
    });
    return log ? logged(discreet(store, secrets), log) : discreet(store, secrets);
  } catch (error) {
    throw withoutSecrets(error, secrets);
  }
}

/** They hear of an error before it is thrown, and with it all that the server said. */
function discreetWaits(waits: WaitsHeard, secrets: readonly string[]): WaitsHeard {
  return {
    begun: (location, reason) => waits.begun(location, textWithoutSecrets(reason, secrets)),
    over: (location) => waits.over(location),
  };
}

/** @throws endpoint_refused */
async function accessOf(
  credentials: StorageCredentials,
  endpoints: readonly string[],
): Promise<{ options: Partial<StorageOptions>; credentials: S3Credentials | GcsCredentials }> {
  if (credentials.scheme === 'gs') {
    const { clientEmail: client_email, privateKey: private_key } = credentials;
    return { options: {}, credentials: { client_email, private_key } };
  }
  const { endpointUrl, region, accessKeyId, secretAccessKey, sessionToken } = credentials;
  if (endpointUrl !== undefined) await requireAllowed(endpointUrl, endpoints);
  return {
    options: {
      ...(region !== undefined && { region }),
      // The bucket stands in the path: before the host it would be another host.
      ...(endpointUrl !== undefined && { endpoint: endpointUrl, path_style: true }),
    },
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      ...(endpointUrl !== undefined && { lookup: guardedLookup(endpointUrl, endpoints) }),
    },
  };
}

/** Of a private key: what is shorter stands in every key, or tells nothing. */
const shortestLine = 16;

function secretsOf(credentials: StorageCredentials): string[] {
  if (credentials.scheme === 'gs') {
    const { privateKey } = credentials;
    // Whoever repeats it may do so line by line.
    return [privateKey, ...privateKey.split(/\s+/).filter((line) => line.length >= shortestLine)];
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return [accessKeyId, secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])];
}
