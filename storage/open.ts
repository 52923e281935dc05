/** From a location in the settings to the store that is there. */
import { fileURLToPath } from 'node:url';
import { TidemarkError, messageOf } from '../domain/errors.ts';
import { openLocalStore } from './local/local-store.ts';
import type { ObjectStore } from './store.ts';

/**
 * Opens the store at `location` and proves that it can be written to. A local directory that is missing is made,
 * readable by its owner alone.
 *
 * @param location `file:///srv/backups`; special characters may be percent-encoded
 * @throws storage_unavailable when the place cannot be made, read or written to
 * @throws invalid_setting when `location` is no location
 *
 * @example const store = await openStore('file:///srv/backups')
 */
export async function openStore(location: string): Promise<ObjectStore> {
  return openLocalStore(pathOf(location));
}

function pathOf(location: string): string {
  const wrong = (why: string, cause?: unknown): TidemarkError =>
    new TidemarkError(
      'invalid_setting',
      `The storage location ${JSON.stringify(location)} ${why}. Write a local directory as file:///path.`,
      { cause },
    );
  // A fourth slash or a host would silently mean another place than the one that was meant.
  if (!/^file:\/\/\/[^/]/.test(location)) throw wrong('is not an absolute file:// location');
  try {
    const url = new URL(location);
    if (url.search !== '' || url.hash !== '')
      throw wrong('has a "?" or "#", which must be written %3F and %23');
    const directory = fileURLToPath(url);
    if (directory.includes('\0')) throw wrong('has a NUL in it');
    return directory;
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw wrong(`cannot be read (${messageOf(error)})`, error);
  }
}
