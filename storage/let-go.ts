/** Keeping the memory of a stream to that of its parts, and only for as long as it goes on. */

/** Chunks are let go of one by one, and collected some 64 MiB later unless somebody asks for it. */
const collectEveryBytes = 1024 * 1024;
let since = 0;

/**
 * Collects what was read, where the process lets us (see worker/small-heap.ts). It takes less time than it saves:
 * memory that is used again at once is still in the processor's cache.
 */
export function letGo(bytes: number): void {
  since += bytes;
  if (since < collectEveryBytes) return;
  since = 0;
  globalThis.gc?.({ type: 'minor' });
}

/** A full collection takes some 50 ms: it has to be worth it. */
const collectAllFrom = 32 * 1024 * 1024;
let ended = 0;

/**
 * Collects the parts of streams that have ended, before the next one takes as much memory again: V8 sees no need to where
 * the heap itself is small. Not given back by hand, because a thread of zlib's or the system's may still read from it.
 *
 * @param bytes of memory that the stream held
 */
export function letGoOfAll(bytes: number): void {
  ended += bytes;
  if (ended < collectAllFrom) return;
  ended = 0;
  // By then nothing refers to them any more.
  setImmediate(() => void globalThis.gc?.());
}
