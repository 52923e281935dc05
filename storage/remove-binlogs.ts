/** Removing an archived binlog file. */
import { objectKeys } from '../domain/ids.ts';
import type { ObjectStore } from './store.ts';

const atOnce = 16;

/**
 * Removes all segments of a file, the headers first: a body without one is seen by nobody. The header of the file's
 * beginning is the last of them, because nothing of a file can be read without it. May be called again after a failure.
 *
 * @throws storage_unavailable
 */
export async function removeBinlogFile(
  store: ObjectStore,
  { serviceId, timeline, file }: { serviceId: string; timeline: string; file: string },
  signal?: AbortSignal,
): Promise<void> {
  const folder = `${objectKeys.binlogFolder(serviceId, timeline, file)}/`;
  const headers: string[] = [];
  const bodies: string[] = [];
  for await (const { key } of store.list(folder, { ...(signal && { signal }) })) {
    // Only what we write ourselves: anything else in the folder is not ours to remove.
    const [, kind] =
      /^\d{12,}-\d{12,}(?:\.[0-9a-f]{64}(?=\.zst))?\.(json|zst|zst\.age)$/.exec(key.slice(folder.length)) ??
      [];
    if (kind === 'json') headers.push(key);
    else if (kind !== undefined) bodies.push(key);
  }
  const [first, ...others] = headers;
  await removeAll(store, others, signal);
  if (first !== undefined) await removeAll(store, [first], signal);
  await removeAll(store, bodies, signal);
}

async function removeAll(store: ObjectStore, keys: readonly string[], signal?: AbortSignal): Promise<void> {
  for (let from = 0; from < keys.length; from += atOnce) {
    await Promise.all(keys.slice(from, from + atOnce).map(async (key) => store.delete(key, signal)));
  }
}
