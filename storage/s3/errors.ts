/** What S3 and the way to it say, in the words of the object store. */
import { TidemarkError } from '../../domain/errors.ts';
import { cancelledError } from '../cancel.ts';
import { faultOfStatus, isNetwork, retryAfter, saying } from '../network/refusal.ts';
import type { StoreFault } from '../store.ts';

/** What is used of an error of the client; everything may be missing. */
interface Refusal {
  name: string;
  message: string;
  status: number | undefined;
  headers: Record<string, string | undefined>;
  /** The region that the server names as the right one. */
  region: string | undefined;
  /** Of a system call: `ECONNREFUSED`. */
  errno: string | undefined;
}

/** By the server's own names, which are the same at every maker's. */
const faultsByName: Record<string, StoreFault> = {
  NoSuchKey: 'object_missing',
  NoSuchBucket: 'bucket_missing',
  PreconditionFailed: 'object_exists',
  AccessDenied: 'storage_forbidden',
  AllAccessDisabled: 'storage_forbidden',
  AccountProblem: 'storage_forbidden',
  InvalidAccessKeyId: 'storage_credentials_refused',
  SignatureDoesNotMatch: 'storage_credentials_refused',
  ExpiredToken: 'storage_credentials_refused',
  InvalidToken: 'storage_credentials_refused',
  TokenRefreshRequired: 'storage_credentials_refused',
  InvalidClientTokenId: 'storage_credentials_refused',
  XAdminUserNotFound: 'storage_credentials_refused',
  NotSignedUp: 'storage_credentials_refused',
  PermanentRedirect: 'bucket_region_wrong',
  TemporaryRedirect: 'bucket_region_wrong',
  AuthorizationHeaderMalformed: 'bucket_region_wrong',
  IllegalLocationConstraintException: 'bucket_region_wrong',
  SlowDown: 'storage_throttled',
  TooManyRequests: 'storage_throttled',
  TooManyRequestsException: 'storage_throttled',
  Throttling: 'storage_throttled',
  ThrottlingException: 'storage_throttled',
  RequestLimitExceeded: 'storage_throttled',
  RequestTimeout: 'storage_timeout',
  TimeoutError: 'storage_timeout',
  BadDigest: 'transfer_damaged',
  InvalidDigest: 'transfer_damaged',
  XAmzContentSHA256Mismatch: 'transfer_damaged',
  XAmzContentChecksumMismatch: 'transfer_damaged',
  IncompleteBody: 'transfer_damaged',
  InsufficientStorage: 'storage_full',
  QuotaExceeded: 'storage_full',
  XMinioStorageFull: 'storage_full',
  NotImplemented: 'storage_refused',
  InvalidObjectState: 'storage_refused',
  // The client's own: an address that cannot be made of the settings.
  EndpointError: 'storage_refused',
  // The client has set its clock by the server's by now.
  RequestTimeTooSkewed: 'storage_unavailable',
  OperationAborted: 'storage_unavailable',
  ConditionalRequestConflict: 'storage_unavailable',
};

/** The store is elsewhere: S3 alone says so by a status. */
const elsewhere: readonly number[] = [301, 307];

/**
 * @param doing what failed, for the message: `write a/part-000001`
 * @param place the location of the store
 * @param signal of the request: once it is aborted, that is why the request failed
 * @param credentialsExpected there are credentials, had before or of the machine: that they do not come now passes
 */
export function s3Error(
  error: unknown,
  doing: string,
  place: string,
  signal?: AbortSignal,
  credentialsExpected = false,
): TidemarkError {
  if (error instanceof TidemarkError) return error;
  if (signal?.aborted) return cancelledError(signal);
  const refusal = read(error);
  const fault = faultOf(refusal, credentialsExpected);
  return new TidemarkError(fault, `Could not ${doing} in ${place}: ${sentence(fault, refusal)}`, {
    // Not the client's error itself: it carries the request, with what signs it.
    cause: new Error(`${refusal.status ?? ''} ${refusal.name}`.trim()),
    retryAfterSeconds: retryAfter(refusal.headers['retry-after']),
  });
}

function faultOf({ name, message, status, errno }: Refusal, credentialsExpected: boolean): StoreFault {
  if (name === 'CredentialsProviderError') {
    // The chain keeps to itself why its last provider had none.
    const passes =
      status === undefined
        ? isNetwork(errno) || (credentialsExpected && /from any providers/.test(message))
        : status === 429 || status >= 500;
    return passes ? 'storage_unavailable' : 'storage_credentials_refused';
  }
  const byName = Object.hasOwn(faultsByName, name) ? faultsByName[name] : undefined;
  if (byName) return byName;
  if (errno === 'ETIMEDOUT' || errno === 'ESOCKETTIMEDOUT') return 'storage_timeout';
  if (status === undefined) return 'storage_unavailable';
  return elsewhere.includes(status) ? 'bucket_region_wrong' : faultOfStatus(status);
}

function sentence(fault: StoreFault, refusal: Refusal): string {
  const said = saidBy(refusal);
  if (refusal.name === 'InvalidObjectState')
    return `the object lies in an archive (${said}). Bring it back from the archive first.`;
  switch (fault) {
    case 'object_missing':
      return 'there is no such object.';
    case 'object_exists':
      return 'there is already an object of this name.';
    case 'bucket_missing':
      return 'there is no such bucket. Make it, or mend the name in the location.';
    case 'bucket_region_wrong':
      return refusal.region === undefined
        ? `the bucket is in another region (${said}). Name it: storage_options.region, or region in the credentials of a bucket of your own.`
        : `the bucket is in the region ${refusal.region}. Set storage_options.region to that; for a bucket of your own, region in the credentials.`;
    case 'storage_forbidden':
      return `the credentials do not allow it (${said}). Allow them to list the bucket, and to read, write and delete below the prefix.`;
    case 'storage_credentials_refused':
      return `the store does not take the credentials (${said}). Give it valid ones.`;
    default:
      return `${said}.`;
  }
}

function saidBy({ name, message, status }: Refusal): string {
  const said = saying(message === '' || message === name ? name : `${name}: ${message}`);
  return status === undefined ? said : `${status} ${said}`;
}

function read(error: unknown): Refusal {
  const given = (typeof error === 'object' && error !== null ? error : {}) as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
    Region?: unknown;
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number; headers?: Record<string, string> };
  };
  const headers = given.$response?.headers ?? {};
  return {
    name: textOf(given.name) ?? 'Error',
    message: textOf(given.message) ?? String(error),
    status: given.$metadata?.httpStatusCode ?? given.$response?.statusCode,
    headers,
    region: textOf(given.Region) ?? headers['x-amz-bucket-region'],
    errno: textOf(given.code),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
