/** Removing a backup that existed. */
import { objectKeys } from '../domain/ids.ts';
import type { ObjectStore } from './store.ts';
import { removeParts } from './sweep.ts';

/**
 * Removes a backup's objects, the manifest first: from then on there is no backup, whatever happens, and what is left
 * of its parts is only waste. May be called again after a failure, and goes on where it stopped.
 *
 * @returns how many parts were removed
 * @throws storage_unavailable
 */
export async function removeBackup(
  store: ObjectStore,
  backupId: string,
  signal?: AbortSignal,
): Promise<number> {
  await store.delete(objectKeys.manifest(backupId), signal);
  const { removed } = await removeParts(store, backupId, signal);
  return removed;
}
