/** A put whose answer may have been lost once before. */
import { hash } from 'node:crypto';
import { TidemarkError } from '../domain/errors.ts';
import type { ObjectStore } from './store.ts';

/**
 * Puts an object, or finds that the very same bytes are there already: an earlier attempt did its work and its
 * answer was lost.
 *
 * @param sha256 of `body`
 * @throws object_exists when there is an object of this key with other content
 */
export async function putOnce(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
  sha256: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await store.put(key, body, signal, sha256);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'object_exists') throw error;
    // One byte more than is expected tells a longer object, without reading all of it.
    const there = await store.get(key, { start: 0, length: body.length + 1 }, signal);
    if (hash('sha256', there) === sha256) return;
    throw new TidemarkError(
      'object_exists',
      `There is already an object ${key} with other content in ${store.location}. Nothing was overwritten; ` +
        'see who else writes to this place.',
      { cause: error },
    );
  }
}
