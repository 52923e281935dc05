/** Streams that are written in tests, and waiting until nothing goes on by itself. */
import { setImmediate as turn } from 'node:timers/promises';

/** A source that gives `content` in chunks, and knows what was done with it. */
export function sourceOf(
  content: Uint8Array,
  chunkSize: number,
): AsyncIterable<Uint8Array> & { pulled: number; returned: boolean } {
  const source = {
    pulled: 0,
    returned: false,
    async *[Symbol.asyncIterator]() {
      // One piece of memory for all chunks: whoever keeps a chunk instead of copying it fails the test.
      const memory = Buffer.alloc(chunkSize);
      try {
        for (let from = 0; from < content.length; from += chunkSize) {
          const chunk = content.subarray(from, from + chunkSize);
          memory.set(chunk);
          source.pulled += chunk.length;
          yield memory.subarray(0, chunk.length);
        }
      } finally {
        source.returned = true;
      }
    },
  };
  return source;
}

/** As many turns of the event loop as anything that could go on needs to go on. */
export async function settle(): Promise<void> {
  for (let count = 0; count < 50; count++) await turn();
}
