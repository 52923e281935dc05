/** One object of any size, read from its beginning to its end, some of it ahead. */
import { throwIfCancelled } from './cancel.ts';
import { sourceChanged } from './changed.ts';
import { letGoOfAll } from './let-go.ts';
import type { ListedObject, ObjectStore } from './store.ts';

/** As large as the parts of a backup are. */
const rangeBytes = 8 * 1024 * 1024;

export interface ReadObjectOptions {
  /** How many pieces are fetched ahead of the one that was handed out. */
  ahead: number;
  signal?: AbortSignal;
  /** Told how many bytes the reader has taken by now. */
  onProgress?: (bytesRead: number) => void;
}

/**
 * The bytes of an object as `stat` or a listing found it: each piece of it is asked for in that version alone. A piece is
 * good until the next one is asked for: its memory is used again.
 *
 * @throws source_changed when it is another one by now; what the store does
 */
export async function* readObject(
  store: ObjectStore,
  { key, bytes, version }: ListedObject,
  { ahead, signal, onProgress }: ReadObjectOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const givenUp = new AbortController();
  const either = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  const memory: Buffer[] = [];
  const fetched: { piece: Promise<Buffer>; length: number; into: Buffer }[] = [];
  let begun = 0;
  let read = 0;
  const fetchUpTo = (count: number): void => {
    while (begun < bytes && fetched.length < count) {
      const length = Math.min(rangeBytes, bytes - begun);
      const into = memory.pop() ?? Buffer.allocUnsafeSlow(Math.min(rangeBytes, bytes));
      const piece = store.get(key, { start: begun, length, version }, either, into);
      // It is awaited in its turn; until then a failure must not count as one that nobody looks at.
      piece.catch(() => undefined);
      fetched.push({ piece, length, into });
      begun += length;
    }
  };
  try {
    for (;;) {
      fetchUpTo(ahead + 1);
      const next = fetched.shift();
      if (!next) break;
      const piece = await next.piece;
      throwIfCancelled(signal);
      if (piece.length !== next.length) throw sourceChanged({ key, location: store.location });
      yield piece;
      memory.push(next.into);
      read += piece.length;
      onProgress?.(read);
    }
    // Without a version its size is all that tells.
    if (version === undefined && (await store.stat(key, either)).bytes !== bytes) {
      throw sourceChanged({ key, location: store.location });
    }
  } finally {
    givenUp.abort();
    await Promise.allSettled(fetched.map(({ piece }) => piece));
    letGoOfAll(Math.min(bytes, rangeBytes * (ahead + 1)));
  }
}
