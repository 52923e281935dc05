/** Whether a bucket can take backups: one small object is written, read and deleted. */
import { randomBytes } from 'node:crypto';
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import type { ObjectStore } from './store.ts';

/** @throws a store's errors, with what could not be done */
export async function probeBucket(store: ObjectStore): Promise<void> {
  const key = objectKeys.bucketProbe(randomBytes(8).toString('hex'));
  const body = randomBytes(32);
  await store.put(key, body);
  try {
    const found = await store.get(key);
    if (!found.equals(body)) {
      throw new TidemarkError(
        'storage_refused',
        `${store.location} gives back something else than what was written: it is no place for backups.`,
      );
    }
  } finally {
    await store.delete(key);
  }
}
