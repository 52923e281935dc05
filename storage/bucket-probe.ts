/** Whether a place can take backups: one small object is written, read and deleted. */
import { randomBytes } from 'node:crypto';
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import type { ObjectStore } from './store.ts';

/**
 * That writes only create is seen by the way: every store sees to that before its first put.
 *
 * @throws a store's errors, with what could not be done
 */
export async function probeBucket(store: ObjectStore, signal?: AbortSignal): Promise<void> {
  const key = objectKeys.bucketProbe(randomBytes(8).toString('hex'));
  const body = randomBytes(32);
  try {
    await store.put(key, body, signal);
    // One byte more tells a longer object, and no more of that is read.
    const found = await store.get(key, { start: 0, length: body.length + 1 }, signal);
    if (!found.equals(body)) {
      throw new TidemarkError(
        'storage_refused',
        `${store.location} gives back something else than what was written: it is no place for backups.`,
      );
    }
  } catch (error) {
    // Also when the put failed, because its answer may be all that was lost. What failed first is what is said.
    await store.delete(key, signal).catch(() => undefined);
    throw error;
  }
  await store.delete(key, signal);
}
