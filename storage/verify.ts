/** Whether the objects of a backup are what its manifest says. */
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import type { Manifest } from '../domain/manifest.ts';
import { readParts, type ReadPartsOptions } from './parts.ts';
import type { Replicas } from './replicas.ts';
import type { ObjectStore } from './store.ts';

/**
 * Reads every part of a backup and compares it with its size and digest.
 *
 * @param options `onProgress` is told the bytes read of all streams
 * @throws object_missing, object_damaged at the first object that is not right; storage_unavailable;
 *   operation_cancelled
 */
export async function verifyBackup(
  from: ObjectStore | Replicas,
  manifest: Manifest,
  { ahead, signal, onProgress }: Omit<ReadPartsOptions, 'reuse'>,
): Promise<void> {
  let before = 0;
  for (const stream of manifest.streams) {
    const options = {
      ahead,
      signal,
      reuse: true,
      onProgress: (bytesRead: number): void => onProgress?.(before + bytesRead),
    };
    const reading = readParts(from, stream, options);
    // A part is checked before it is handed out; nobody wants its bytes here.
    while ((await reading.next()).done !== true);
    before += stream.bytes;
  }
}

/**
 * Sees that every part of a backup is there and has its size: one listing, nothing is read.
 *
 * @throws object_missing, object_damaged naming the first part that is not right; storage_unavailable
 */
export async function statParts(store: ObjectStore, manifest: Manifest, signal?: AbortSignal): Promise<void> {
  const found = new Map<string, number>();
  const folder = `${objectKeys.backupFolder(manifest.backupId)}/`;
  for await (const { key, bytes } of store.list(folder, { ...(signal && { signal }) })) {
    found.set(key, bytes);
  }
  for (const part of manifest.streams.flatMap(({ parts }) => parts)) {
    const bytes = found.get(part.key);
    if (bytes === undefined) {
      throw new TidemarkError(
        'object_missing',
        `The object ${part.key} of the backup is not in ${store.location}. Restore another backup.`,
      );
    }
    if (bytes !== part.bytes) {
      throw new TidemarkError(
        'object_damaged',
        `The object ${part.key} in ${store.location} is damaged: expected ${part.bytes} bytes, found ${bytes}. ` +
          'Restore another backup.',
      );
    }
  }
}
