/**
 * Folders that survive a power cut. A file's name is durable once its folder is synced, and the folder's own name
 * once the one above it is.
 */
import { mkdir, open, realpath, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import { errnoOf, isAbsent } from './errors.ts';

/** Not for others; the group as the umask says. */
const folderMode = 0o770;
/** How many folders are remembered as durable; each is one backup or service. */
const remembered = 1000;

/**
 * Makes a folder, for its owner alone, and those above it that are missing. Node's own recursive way repeats for ever
 * where a parent is there and yet the system says that there is none, as below /proc.
 *
 * @returns the topmost that was made; undefined when all were there
 */
export async function makeFolders(folder: string): Promise<string | undefined> {
  try {
    return await makeFolder(folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    const topmost = await makeFolders(path.dirname(folder));
    // A second time, and no third: somebody else may have made the one above meanwhile.
    const made = await makeFolder(folder);
    return topmost ?? made;
  }
}

/** @returns undefined when it is there */
async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return folder;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await isFolder(folder))) return undefined;
    throw error;
  }
}

async function isFolder(place: string): Promise<boolean> {
  return await stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Writes a folder's entries to disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export class Folders {
  readonly #root: string;
  /** Folders whose names this process has synced. One that only exists may have been made by another a moment ago. */
  readonly #durable = new Set<string>();
  /** For each folder: the sync that has not begun yet, which everybody who asks now can share. */
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();

  /** @param root the real path of the store's directory; never made or removed here */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the folder that these segments lead to, with the ones above it, durably. Answers its path. */
  async make(segments: readonly string[]): Promise<string> {
    let folder = this.#root;
    for (const segment of segments) {
      const above = folder;
      folder = path.join(above, segment);
      if (this.#durable.has(folder)) continue;
      await makeOne(folder, this.#root);
      await this.sync(above);
      if (this.#durable.size >= remembered) this.#durable.clear();
      this.#durable.add(folder);
    }
    return folder;
  }

  /**
   * Writes a folder's entries to disk. Callers that come while a sync is running share the next one: the one that
   * is running may have begun before their file was there.
   */
  async sync(folder: string): Promise<void> {
    const waiting = this.#waiting.get(folder);
    if (waiting) return waiting;
    const next = this.#next(folder, this.#running.get(folder));
    this.#waiting.set(folder, next);
    return next;
  }

  /** Removes the folder and the ones above it as far as they are empty; other processes may do the same. */
  async prune(segments: readonly string[]): Promise<void> {
    for (let depth = segments.length; depth > 0; depth--) {
      const folder = path.join(this.#root, ...segments.slice(0, depth));
      this.#durable.delete(folder);
      try {
        await rmdir(folder);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === 'ENOTEMPTY' || errno === 'EEXIST' || errno === 'EBUSY') return;
        if (errno !== 'ENOENT') throw error;
      }
    }
  }

  /** Somebody removed a folder that was thought to be there. */
  forget(): void {
    this.#durable.clear();
  }

  async #next(folder: string, running: Promise<void> | undefined): Promise<void> {
    // Its failure is told to those who wait for it.
    await running?.catch(() => undefined);
    const sync = syncFolder(folder);
    this.#waiting.delete(folder);
    this.#running.set(folder, sync);
    try {
      await sync;
    } finally {
      if (this.#running.get(folder) === sync) this.#running.delete(folder);
    }
  }
}

async function makeOne(folder: string, root: string): Promise<void> {
  try {
    await mkdir(folder, folderMode);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    // Before anything is made in it.
    await refuseLinks(folder);
    if (!(await stat(folder)).isDirectory()) {
      const name = path.relative(root, folder);
      throw new TidemarkError(
        'object_exists',
        `${name} is an object in ${root}, so no key can begin with "${name}/".`,
      );
    }
  }
}

/**
 * Refuses a folder that is reached through a symbolic link: what lies behind one may be outside the root, or on
 * a file system where a name cannot be given atomically.
 *
 * @param folder below the root, or the root itself; one that is not there is fine
 * @throws storage_unavailable
 */
export async function refuseLinks(folder: string): Promise<void> {
  let real: string;
  try {
    real = await realpath(folder);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  if (real !== folder) {
    throw new TidemarkError(
      'storage_unavailable',
      `${folder} leads through a symbolic link to ${real}. Links in a store are not followed: ` +
        'put the folder in its place, or use a location on a larger disk.',
    );
  }
}
