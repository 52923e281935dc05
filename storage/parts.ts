/**
 * A stream in an object store: parts of equal size, each an object of its own with its own digest. Memory is the
 * parts under way times their size, whatever the size of the stream, and damage is found part by part.
 */
import type { PartRecord, StreamRecord } from '../domain/manifest.ts';
import { TidemarkError } from '../domain/errors.ts';
import { throwIfCancelled } from './cancel.ts';
import { sha256Of } from './digest.ts';
import { letGoOfAll } from './let-go.ts';
import { PartWriter, type WritePartsOptions } from './part-writer.ts';
import { Replicas } from './replicas.ts';
import type { ObjectStore } from './store.ts';

/**
 * Stores a stream. The last part is held back until the source has ended and `beforeLast` has agreed, so that a
 * stream that broke off is never whole in the store. An empty stream is one empty part.
 *
 * A part that is there already with the same bytes counts as put. On failure the source's iterator is told to
 * return, and the promise rejects with the first error once no put is under way any more.
 *
 * @returns the parts in their order, and the size of the whole
 * @throws object_exists when a part is there with other content; storage_full; storage_unavailable;
 *   operation_cancelled; whatever the source or `beforeLast` throw
 *
 * @example
 * await writeParts(store, { keyOf: (index) => objectKeys.part(backupId, index), source: child.stdout,
 *   partSize: 16 * 1024 * 1024, inFlight: 4, signal, beforeLast: () => everyProgramEndedWell() })
 */
export async function writeParts(
  store: ObjectStore,
  options: WritePartsOptions,
): Promise<{ parts: PartRecord[]; bytes: number }> {
  const writer = new PartWriter(store, options);
  await writer.run();
  return { parts: writer.parts, bytes: writer.bytes };
}

export interface ReadPartsOptions {
  /** How many parts are fetched ahead of the one that was handed out. */
  ahead: number;
  signal?: AbortSignal;
  /** Told how many bytes the reader has taken by now. */
  onProgress?: (bytesRead: number) => void;
  /**
   * Use the same memory for part after part: what is handed out is then good only until the next part is asked
   * for. For readers that are done with the bytes by then, and only for them: `for await` with a write that is
   * awaited to its callback is one, `pipeline` and `Readable.from` are not, because they ask ahead.
   */
  reuse?: boolean;
}

/**
 * The content of a stream, part by part, in order. Nothing is handed out before size and digest of its whole part
 * were right; a part that is damaged or missing is fetched once more first, in case the way was the trouble.
 * Memory is `ahead + 1` parts; without `reuse`, also what was handed out and is not collected yet.
 *
 * @param from where it lies; of several places each part is taken from the first that has it right
 * @throws object_missing, object_damaged naming the object, what was expected and what was found;
 *   storage_unavailable; operation_cancelled
 */
export async function* readParts(
  from: ObjectStore | Replicas,
  stream: StreamRecord,
  { ahead, signal, onProgress, reuse = false }: ReadPartsOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const givenUp = new AbortController();
  const either = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  const memory: Buffer[] = [];
  const largest = stream.parts.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const fetched: { part: Promise<Buffer>; into: Buffer | undefined }[] = [];
  let begun = 0;
  let bytesRead = 0;
  const fetchUpTo = (count: number): void => {
    for (const record of stream.parts.slice(begun, count)) {
      const into = reuse ? (memory.pop() ?? Buffer.allocUnsafeSlow(largest + 1)) : undefined;
      const part = fetchPart(from, record, either, into);
      // It is awaited in its turn; until then a failure must not count as one that nobody looks at.
      part.catch(() => undefined);
      fetched.push({ part, into });
      begun++;
    }
  };
  try {
    for (let handedOut = 0; ; handedOut++) {
      fetchUpTo(handedOut + 1 + ahead);
      const next = fetched.shift();
      if (!next) return;
      const bytes = await next.part;
      throwIfCancelled(signal);
      yield bytes;
      if (next.into) memory.push(next.into);
      bytesRead += bytes.length;
      onProgress?.(bytesRead);
    }
  } finally {
    givenUp.abort();
    await Promise.allSettled(fetched.map(({ part }) => part));
    letGoOfAll(Math.min(stream.bytes, largest * (ahead + 1)));
  }
}

/**
 * One part, whole and with the right digest.
 *
 * @param into room for one byte more than the part has
 * @throws object_missing, object_damaged, storage_unavailable, operation_cancelled
 */
export async function fetchPart(
  from: ObjectStore | Replicas,
  part: PartRecord,
  signal: AbortSignal,
  into: Buffer | undefined,
): Promise<Buffer> {
  if (!(from instanceof Replicas)) return await fetchTwice(from, part, signal, into);
  return await from.read(
    `The object ${part.key} of the backup`,
    (store) => fetchTwice(store, part, signal, into),
    signal,
  );
}

async function fetchTwice(
  store: ObjectStore,
  part: PartRecord,
  signal: AbortSignal,
  into: Buffer | undefined,
): Promise<Buffer> {
  try {
    return await fetchOnce(store, part, signal, into);
  } catch (error) {
    const again =
      error instanceof TidemarkError && (error.code === 'object_missing' || error.code === 'object_damaged');
    if (!again) throw error;
    return await fetchOnce(store, part, signal, into);
  }
}

async function fetchOnce(
  store: ObjectStore,
  part: PartRecord,
  signal: AbortSignal,
  into: Buffer | undefined,
): Promise<Buffer> {
  // One byte more than is expected tells a part that has grown, and no more of it is read than that.
  let asked: { bytes: Buffer; sha256: string } | undefined;
  const digestOf = async (bytes: Buffer): Promise<string> => {
    if (asked?.bytes !== bytes) asked = { bytes, sha256: await sha256Of(bytes) };
    return asked.sha256;
  };
  const recognizes = async (bytes: Buffer): Promise<boolean> =>
    bytes.length === part.bytes && (await digestOf(bytes)) === part.sha256;
  const bytes = await store.get(part.key, { start: 0, length: part.bytes + 1 }, signal, into, recognizes);
  const damaged = (expected: string, found: string): TidemarkError =>
    new TidemarkError(
      'object_damaged',
      `The object ${part.key} in ${store.location} is damaged: expected ${expected}, found ${found}. ` +
        'Restore another backup.',
    );
  if (bytes.length > part.bytes) throw damaged(`${part.bytes} bytes`, 'more');
  if (bytes.length < part.bytes) throw damaged(`${part.bytes} bytes`, `${bytes.length}`);
  const found = await digestOf(bytes);
  if (found !== part.sha256) throw damaged(`SHA-256 ${part.sha256}`, found);
  return bytes;
}
