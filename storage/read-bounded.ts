/** Reading an object whole that somebody else may have made as large as he likes. */
import type { ObjectStore } from './store.ts';

/**
 * The bytes of an object; undefined when it has more than `most`, of which no more is read than tells that.
 *
 * @throws object_missing, and whatever else the store does
 */
export async function readBounded(
  store: ObjectStore,
  key: string,
  most: number,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  const body = await store.get(key, { start: 0, length: most + 1 }, signal);
  return body.length > most ? undefined : body;
}
