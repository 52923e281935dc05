/** What Google Cloud Storage and the way to it say, in the words of the object store. */
import { TidemarkError } from '../../domain/errors.ts';
import { cancelledError } from '../cancel.ts';
import { faultOfStatus, isNetwork, retryAfter, saying } from '../network/refusal.ts';
import { WrongDigest } from '../network/wrong-digest.ts';
import type { StoreFault } from '../store.ts';

type Headers = Record<string, string | string[] | undefined>;

/** An answer that is a refusal, where the client itself leaves the answer to us. */
export class GcsRefusal extends Error {
  readonly code: number;
  readonly response: { headers: Headers };
  readonly errors: unknown;

  constructor(status: number, headers: Headers, body: string) {
    const { message, errors } = saidIn(body);
    super(message);
    this.errors = errors;
    this.code = status;
    this.response = { headers };
  }
}

/** The body is Google's error object, or a text. */
function saidIn(body: string): { message: string; errors: unknown } {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown; errors?: unknown } };
    return { message: typeof error?.message === 'string' ? error.message : body, errors: error?.errors };
  } catch {
    return { message: body, errors: undefined };
  }
}

/** A 404 that does not say what is missing: the store's own words for a download, or some proxy's for anything. */
export function isUnexplained(error: unknown): boolean {
  const refusal = read(error);
  return refusal.status === 404 && faultOf(refusal) === 'storage_refused';
}

/** What is used of an error of the client; everything may be missing. */
interface Refusal {
  message: string;
  status: number | undefined;
  /** Google's own names for what is wrong: `rateLimitExceeded`. */
  reasons: string[];
  headers: Headers;
  /** Of a system call: `ECONNREFUSED`. */
  errno: string | undefined;
}

const faultsByReason: Record<string, StoreFault> = {
  rateLimitExceeded: 'storage_throttled',
  userRateLimitExceeded: 'storage_throttled',
  quotaExceeded: 'storage_throttled',
};

export interface Circumstances {
  /** What it means when something is missing that is not said to be the bucket. */
  absent?: 'object_missing' | 'bucket_missing';
  /** Of the request: once it is aborted, that is why the request failed. */
  signal?: AbortSignal | undefined;
}

/**
 * @param doing what failed, for the message: `write a/part-000001`
 * @param place the location of the store
 */
export function gcsError(
  error: unknown,
  doing: string,
  place: string,
  { absent = 'object_missing', signal }: Circumstances = {},
): TidemarkError {
  if (signal?.aborted) return cancelledError(signal);
  if (error instanceof TidemarkError) {
    const message = `Could not ${doing} in ${place}: ${error.message}.`;
    return error instanceof WrongDigest
      ? new WrongDigest(message, error)
      : new TidemarkError(error.code, message, { cause: error });
  }
  const refusal = read(error);
  const found = faultOf(refusal);
  const fault = found === 'object_missing' ? absent : found;
  return new TidemarkError(fault, `Could not ${doing} in ${place}: ${sentence(fault, refusal)}`, {
    // Not the client's error itself: it carries the request, with the token that it was sent with.
    cause: new Error([refusal.status, refusal.errno, ...refusal.reasons].filter(Boolean).join(' ')),
    retryAfterSeconds: retryAfter(refusal.headers['retry-after']),
  });
}

const newKey =
  'Order it with a key of a service account that is there and enabled: keys can be made anew at Google Cloud.';
const defaultCredentials =
  "Give Google's application default credentials: GOOGLE_APPLICATION_CREDENTIALS with the path of a key file, or a " +
  'service account of the machine.';

/**
 * @param given the credentials were handed over with the bucket, and are not the machine's own
 * @returns the error of credentials that are missing, or that Google's token service refuses
 */
export function credentialsError(
  error: unknown,
  place: string,
  given: boolean,
  signal?: AbortSignal,
): TidemarkError {
  if (error instanceof TidemarkError || signal?.aborted)
    return gcsError(error, 'get a token', place, { signal });
  const refusal = read(error);
  const passes =
    refusal.status === undefined ? isNetwork(refusal.errno) : refusal.status === 429 || refusal.status >= 500;
  if (passes) return gcsError(error, 'get a token for requests', place);
  return new TidemarkError(
    'storage_credentials_refused',
    `Could not get a token for requests to ${place}: ${saidBy(refusal)}. ${given ? newKey : defaultCredentials}`,
    { cause: new Error([refusal.status, refusal.errno].filter(Boolean).join(' ')) },
  );
}

function faultOf({ status, reasons, message, errno }: Refusal): StoreFault {
  for (const reason of reasons) {
    const fault = Object.hasOwn(faultsByReason, reason) ? faultsByReason[reason] : undefined;
    if (fault) return fault;
  }
  if (status === 404 && /bucket does not exist/i.test(message)) return 'bucket_missing';
  if (status === 404 && (reasons.includes('notFound') || /No such object/i.test(message)))
    return 'object_missing';
  // A body that is not what was announced of it is refused as a wrong request.
  if (status === 400 && /(md5|crc32c) hash/i.test(message)) return 'transfer_damaged';
  if (status === undefined) return errno === 'ETIMEDOUT' ? 'storage_timeout' : 'storage_unavailable';
  return faultOfStatus(status);
}

function sentence(fault: StoreFault, refusal: Refusal): string {
  switch (fault) {
    case 'object_missing':
      return 'there is no such object.';
    case 'object_exists':
      return 'there is already an object of this name.';
    case 'bucket_missing':
      return 'there is no such bucket. Make it, or mend the name in the location.';
    case 'storage_forbidden':
      return `the credentials do not allow it (${saidBy(refusal)}). Allow them to list the bucket, and to read, write and delete below the prefix.`;
    case 'storage_credentials_refused':
      return `the store does not take the credentials (${saidBy(refusal)}). Give it valid ones.`;
    default:
      return `${saidBy(refusal)}.`;
  }
}

function saidBy({ message, status }: Refusal): string {
  return `${status ?? ''} ${saying(message)}`.trim() || 'no reason was given';
}

function read(error: unknown): Refusal {
  const given = (typeof error === 'object' && error !== null ? error : {}) as {
    message?: unknown;
    code?: unknown;
    status?: unknown;
    errors?: unknown;
    response?: { status?: unknown; headers?: Headers };
  };
  const status = [given.code, given.status, given.response?.status].map(Number).find((code) => code >= 100);
  const reasons = Array.isArray(given.errors)
    ? given.errors.flatMap((item: { reason?: unknown } | null) =>
        typeof item?.reason === 'string' ? [item.reason] : [],
      )
    : [];
  return {
    message: typeof given.message === 'string' ? given.message : String(error),
    status,
    reasons,
    headers: given.response?.headers ?? {},
    errno: typeof given.code === 'string' && !/^\d+$/.test(given.code) ? given.code : undefined,
  };
}
