/** Removing what a backup that never came to exist left in the store. */
import { objectKeys } from '../domain/ids.ts';
import { objectExists } from './exists.ts';
import type { ObjectStore } from './store.ts';

const atOnce = 16;

/**
 * Removes the parts of a backup that has no manifest, and the mark of who wrote them. With a manifest the backup exists, and nothing is removed.
 * Only the caller knows that nobody is writing this backup any more. May be called again after a failure.
 *
 * @returns how many parts were removed, and whether there is a manifest
 * @throws storage_unavailable
 */
export async function removeParts(
  store: ObjectStore,
  backupId: string,
  signal?: AbortSignal,
): Promise<{ removed: number; manifestExists: boolean }> {
  if (await manifestExists(store, backupId, signal)) return { removed: 0, manifestExists: true };
  const keys: string[] = [];
  const mark = objectKeys.writer(backupId);
  let marked = false;
  // Only what we write ourselves: anything else in the folder is not ours to remove.
  const folder = `${objectKeys.backupFolder(backupId)}/`;
  for await (const { key } of store.list(folder, { ...(signal && { signal }) })) {
    if (/^part-\d{6}$/.test(key.slice(folder.length))) keys.push(key);
    if (key === mark) marked = true;
  }
  for (let from = 0; from < keys.length; from += atOnce) {
    await Promise.all(keys.slice(from, from + atOnce).map((key) => store.delete(key, signal)));
  }
  // Last: as long as there are parts it is known whose they are.
  if (marked) await store.delete(mark, signal);
  return { removed: keys.length, manifestExists: false };
}

/** Whether a backup exists in the store. @throws storage_unavailable */
export async function manifestExists(
  store: ObjectStore,
  backupId: string,
  signal?: AbortSignal,
): Promise<boolean> {
  return await objectExists(store, objectKeys.manifest(backupId), signal);
}
