/** Keeping the memory of a download to that of its parts. */

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
