/**
 * What every object store can do. Keys are relative to the store's root, segments joined by `/`;
 * a key that is empty, absolute, or has an empty, `.` or `..` segment is refused before anything is done
 * (the whole rule is in keys.ts).
 *
 * Every method may be called again after any failure. Errors are {@link TidemarkError}s:
 * - `object_missing`: there is no such object (get, stat). Permanent.
 * - `object_exists`: the key is taken (put). Permanent.
 * - `storage_full`: no room (put, replace). Permanent until somebody frees some.
 * - `operation_cancelled`: the signal was aborted before the method had done its work; its reason is the cause.
 * - `internal`: the key or the range breaks the rules, which is a defect of the caller.
 * - `storage_unavailable`: everything else. May pass.
 */
export interface ObjectStore {
  /** The location without secrets: `file:///srv/backups`, `s3://bucket/prefix`. */
  readonly location: string;

  /**
   * Creates an object, whole or not at all, only if the key is free. Once it resolves, the object
   * survives a power cut. Of several writers racing for one key exactly one succeeds. The caller may use
   * the memory of `body` again as soon as the promise is settled.
   *
   * @throws object_exists when the key is taken, whatever its content; what is there survives a power cut too,
   *   so that a caller who finds his own bytes there can count his put as done.
   */
  put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;

  /** Replaces or creates an object, whole or not at all. Only for what is rewritten on purpose: service.json, probes. */
  replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;

  /**
   * The bytes of an object, or of a range of it.
   *
   * @param range first byte and how many; reaching over the end gives what there is, starting beyond it gives none.
   * @param into memory for the bytes: when they fit, the answer is the beginning of it. Large objects one after the
   *   other in fresh memory fill the process's heap with garbage that is collected late.
   * @throws object_missing
   */
  get(key: string, range?: ByteRange, signal?: AbortSignal, into?: Buffer): Promise<Buffer>;

  /** Size in bytes. @throws object_missing */
  stat(key: string): Promise<{ bytes: number }>;

  /** Keys that begin with `prefix`, in the order of their UTF-8 bytes, with their sizes. */
  list(prefix: string): AsyncIterable<{ key: string; bytes: number }>;

  /** Removes an object. One that is not there is no error. */
  delete(key: string): Promise<void>;
}

export interface ByteRange {
  start: number;
  length: number;
}
