/**
 * What every object store can do. Keys are relative to the store's root, segments joined by `/`;
 * a key that is empty, absolute, or has an empty, `.` or `..` segment is refused before anything is done
 * (the whole rule is in keys.ts).
 *
 * Every method may be called again after any failure. What a store throws is one of {@link storeFaults}, and nothing
 * else. A method whose signal is aborted settles soon, also when the other side does not answer any more; once it
 * has settled it touches neither `body` nor `into`, so that their memory can be used again.
 */
import { type ErrorName, TidemarkError } from '../domain/errors.ts';

/**
 * Every error of a store, and whether it passes by itself. Those that pass are what `retrying` tries again; the rest
 * ends an operation at once, with a sentence that says what to do.
 */
export const storeFaults = {
  /** There is no such object (get, stat). */
  object_missing: 'permanent',
  /** The store gives back, again and again, the same bytes that do not have the digest it keeps of the object (get). */
  object_damaged: 'permanent',
  /** The object is not of the version that was asked for (get): it was replaced, or written to. */
  source_changed: 'permanent',
  /** The key is taken (put). */
  object_exists: 'permanent',
  /** The store knows who asks and does not allow it. */
  storage_forbidden: 'permanent',
  /** The store does not take the credentials: unknown, wrong, expired, or there are none. */
  storage_credentials_refused: 'permanent',
  /** There is no bucket of this name. */
  bucket_missing: 'permanent',
  /** The bucket is in another region than the one that was asked. */
  bucket_region_wrong: 'permanent',
  /** The store lacks something that backups need, or a setting does not fit it. */
  storage_refused: 'permanent',
  /** It is not the storage that the deployment's backups are in. */
  storage_foreign: 'permanent',
  /** No room (put, replace); permanent until somebody frees some. */
  storage_full: 'permanent',
  /** The store asks to be asked less often; `retryAfterSeconds` when it says how long to wait. */
  storage_throttled: 'passing',
  /** The store does not answer, breaks off, or fails itself; whatever has no other name here. */
  storage_unavailable: 'passing',
  /** What arrived is not what was sent, in either direction. Nothing was stored, or handed out. */
  transfer_damaged: 'passing',
  /** The store did not answer in time. A write may have been done all the same. */
  storage_timeout: 'passing',
  /**
   * The signal was aborted before the method had done its work; its reason is the cause. Across a network a write that
   * was on its way may be done all the same, and whole, even a little later.
   */
  operation_cancelled: 'permanent',
  /** The key or the range breaks the rules, which is a defect of the caller. */
  internal: 'permanent',
} as const satisfies Partial<Record<ErrorName, 'permanent' | 'passing'>>;

export type StoreFault = keyof typeof storeFaults;

/** Whether `error` is one of a store's that passes by itself. */
export function isPassing(error: unknown): error is TidemarkError {
  return (
    error instanceof TidemarkError &&
    Object.hasOwn(storeFaults, error.code) &&
    storeFaults[error.code as StoreFault] === 'passing'
  );
}

export interface ObjectStore {
  /** The location without secrets: `file:///srv/backups`, `s3://bucket/prefix`. */
  readonly location: string;

  /**
   * Creates an object, whole or not at all, only if the key is free. Once it resolves, the object
   * survives a power cut. Of several writers racing for one key exactly one succeeds. The caller may use
   * the memory of `body` again as soon as the promise is settled.
   *
   * @param sha256 of `body`, hex, where the caller has it: a store that has to send one makes no other. Bytes that are
   *   not of this digest are refused by such a store.
   * @throws object_exists when the key is taken, whatever its content; what is there survives a power cut too,
   *   so that a caller who finds his own bytes there can count his put as done.
   */
  put(key: string, body: Uint8Array, signal?: AbortSignal, sha256?: string): Promise<void>;

  /** Replaces or creates an object, whole or not at all. Only for what is rewritten on purpose: service.json, probes. */
  replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;

  /**
   * The bytes of an object, or of a range of it. Across a network, an object that is read whole is checked by a digest
   * that the store keeps of it; a range has none, and is guarded by TLS.
   *
   * @param range first byte and how many; reaching over the end gives what there is, starting beyond it gives none. With
   *   a version, only of the object of that version.
   * @param into memory for the bytes: when they fit, the answer is the beginning of it. Large objects one after the
   *   other in fresh memory fill the process's heap with garbage that is collected late.
   * @param recognizes tells whether bytes are those that are expected, by a digest that the caller has. The store asks it
   *   instead of making a digest of its own as well, and makes that only of what is not recognized: such bytes are
   *   answered when they came as they lie in the store. One that makes no digests does not ask.
   * @throws object_missing, source_changed
   */
  get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer>;

  /** What an object is. @throws object_missing */
  stat(key: string, signal?: AbortSignal): Promise<ObjectState>;

  /** Keys that begin with `prefix`, in the order of their UTF-8 bytes, with what they are. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;

  /** Removes an object. One that is not there is no error. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
}

/** Whether these are the very bytes; they do not change meanwhile. */
export type Recognizer = (bytes: Buffer) => Promise<boolean>;

export interface ObjectState {
  /** Its size. */
  bytes: number;
  /**
   * What tells it from whatever has its key before or after it; opaque, and the same in a listing. Left out by a store
   * that has none, and of an object of no bytes.
   */
  version?: string;
}

export interface ListedObject extends ObjectState {
  key: string;
}

export interface ListOptions {
  /** Only keys that come after this one, which need not be there; it has to begin with the prefix. */
  after?: string;
  signal?: AbortSignal;
}

export interface ByteRange {
  start: number;
  length: number;
  /** As `stat` or a listing says it. */
  version?: string | undefined;
}
