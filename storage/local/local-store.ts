/**
 * The object store in a local directory: an object is a file. A put writes a temporary file, syncs it, and gives it
 * its name with link(), which the file system does once or not at all; so no reader and no power cut ever sees half
 * an object, and no writer overwrites another.
 */
import { constants } from 'node:fs';
import {
  access,
  link,
  lstat,
  mkdir,
  open,
  realpath,
  rename,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { TidemarkError } from '../../domain/errors.ts';
import { throwIfCancelled } from '../cancel.ts';
import { requireVersion } from '../changed.ts';
import { requireKey, requirePrefix, requireRange } from '../keys.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectState, ObjectStore } from '../store.ts';
import { errnoOf, isAbsent, storageError } from './errors.ts';
import { Folders, refuseLinks, syncFolder, makeFolders } from './folders.ts';
import { listFiles } from './list.ts';
import { stateOf } from './state.ts';
import {
  discardTemporary,
  proveLinks,
  removeLeftovers,
  temporaryFolder,
  writeTemporary,
  type TemporaryFile,
} from './temporary.ts';

/** Names at the top of the root that are not ours to give; a file system's own lost+found cannot be read. */
const reserved: ReadonlySet<string> = new Set([temporaryFolder, 'lost+found']);
/** How often a folder may be removed by a sweep between being made and being used. */
const folderAttempts = 5;

/**
 * Opens a directory, which is made when missing (mode 0700), and proves that files can be written to it and linked.
 * Old temporary files of processes that have ended are removed.
 *
 * @param directory absolute; may itself be a symbolic link
 * @throws storage_unavailable
 */
export async function openLocalStore(directory: string): Promise<ObjectStore> {
  const place = path.resolve(directory);
  try {
    const made = await makeFolders(place);
    if (made !== undefined) await syncAbove(place, path.dirname(made));
    const root = await realpath(place);
    await mkdir(path.join(root, temporaryFolder), { recursive: true, mode: 0o770 });
    await proveWriting(root);
    await removeLeftovers(root, Date.now());
    return new LocalStore(root, pathToFileURL(place).href);
  } catch (error) {
    throw storageError(error, 'open the store', place);
  }
}

/** Syncs the folders above a new one, from `bottom` to `top`: their entries are new. */
async function syncAbove(bottom: string, top: string): Promise<void> {
  for (let folder = bottom; folder !== top;) {
    folder = path.dirname(folder);
    await syncFolder(folder);
  }
}

/** A store that is full is opened all the same: what is in it can be read, and a put says that it is full. */
async function proveWriting(root: string): Promise<void> {
  try {
    await proveLinks(root);
  } catch (error) {
    if (storageError(error, 'write a file', root).code !== 'storage_full') throw error;
  }
}

class LocalStore implements ObjectStore {
  readonly location: string;
  readonly #root: string;
  readonly #folders: Folders;

  constructor(root: string, location: string) {
    this.#root = root;
    this.location = location;
    this.#folders = new Folders(root);
  }

  async put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#write(key, body, signal, async (temporary, file) => {
      try {
        await link(temporary.file, file);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        if (await isSameFile(temporary.handle, file)) return;
        // Whoever made it may have been killed before this; the caller may build on what is there.
        await this.#folders.sync(path.dirname(file));
        throw new TidemarkError('object_exists', `There is already an object ${key} in ${this.#root}.`);
      }
    });
  }

  async replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#write(key, body, signal, (temporary, file) => rename(temporary.file, file));
  }

  async get(key: string, range?: ByteRange, signal?: AbortSignal, into?: Buffer): Promise<Buffer> {
    requireRange(range);
    const start = range?.start ?? 0;
    const most = range?.length ?? Number.MAX_SAFE_INTEGER;
    return this.#read(`read ${key}`, key, async (file) => {
      throwIfCancelled(signal);
      // Without O_NONBLOCK, opening a named pipe that somebody put there would wait for ever.
      const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const found = await handle.stat({ bigint: true });
        if (!found.isFile()) throw absent(key, this.#root);
        const object = { key, location: this.location };
        requireVersion(range, stateOf(found).version, object);
        const length = Math.max(0, Math.min(most, Number(found.size) - start));
        const buffer =
          into && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafeSlow(length);
        const bytes = await fill(buffer, handle, start, signal);
        // It may be written to while it is read.
        if (range?.version !== undefined) {
          requireVersion(range, stateOf(await handle.stat({ bigint: true })).version, object);
        }
        return bytes;
      } finally {
        await handle.close();
      }
    });
  }

  async stat(key: string, signal?: AbortSignal): Promise<ObjectState> {
    return this.#read(`look at ${key}`, key, async (file) => {
      throwIfCancelled(signal);
      const found = await lstat(file, { bigint: true });
      if (!found.isFile()) throw absent(key, this.#root);
      return stateOf(found);
    });
  }

  async *list(prefix: string, { after, signal }: ListOptions = {}): AsyncGenerator<ListedObject> {
    requirePrefix(prefix);
    try {
      throwIfCancelled(signal);
      await this.#proveThere();
      await refuseLinks(path.join(this.#root, ...prefix.split('/').slice(0, -1)));
      for await (const found of listFiles(this.#root, { prefix, after, reserved })) {
        throwIfCancelled(signal);
        yield found;
      }
    } catch (error) {
      throw storageError(error, `list ${prefix || 'the objects'}`, this.#root);
    }
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const segments = this.#segments(key);
    const file = path.join(this.#root, ...segments);
    try {
      throwIfCancelled(signal);
      await refuseLinks(path.dirname(file));
      await this.#unlink(file);
      await this.#folders.prune(segments.slice(0, -1));
    } catch (error) {
      throw storageError(error, `delete ${key}`, this.#root);
    }
  }

  /** What put and replace have in common; `name` gives the synced temporary file its name, atomically. */
  async #write(
    key: string,
    body: Uint8Array,
    signal: AbortSignal | undefined,
    name: (temporary: TemporaryFile, file: string) => Promise<void>,
  ): Promise<void> {
    const segments = this.#segments(key);
    try {
      // Opening a file in the folder for temporary files also proves that the root is still mounted.
      const temporary = await writeTemporary(this.#root, body, signal);
      try {
        await this.#nameIn(segments, (file) => name(temporary, file));
      } finally {
        await discardTemporary(temporary);
      }
    } catch (error) {
      throw storageError(error, `write ${key}`, this.#root);
    }
  }

  /** Makes the folder, gives the name and syncs it; again from the start when a sweep removed the empty folder. */
  async #nameIn(segments: readonly string[], name: (file: string) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const folder = await this.#folders.make(segments.slice(0, -1));
        await refuseLinks(folder);
        await name(path.join(folder, segments.at(-1) ?? ''));
        await this.#folders.sync(folder);
        return;
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT' || attempt === folderAttempts) throw error;
        this.#folders.forget();
      }
    }
  }

  async #read<T>(doing: string, key: string, read: (file: string) => Promise<T>): Promise<T> {
    const file = path.join(this.#root, ...this.#segments(key));
    try {
      await refuseLinks(path.dirname(file));
      return await read(file);
    } catch (error) {
      if (!isAbsent(error)) throw storageError(error, doing, this.#root);
      await this.#proveThere();
      throw absent(key, this.#root, error);
    }
  }

  async #unlink(file: string): Promise<void> {
    try {
      if (!(await lstat(file)).isFile()) return;
      await unlink(file);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      await this.#proveThere();
      return;
    }
    try {
      await this.#folders.sync(path.dirname(file));
    } catch (error) {
      // Whoever deleted the last object beside this one took the empty folder away.
      if (!isAbsent(error)) throw error;
    }
  }

  /** An unmounted file system leaves an empty directory behind: then nothing is missing, the store is not there. */
  async #proveThere(): Promise<void> {
    try {
      await access(path.join(this.#root, temporaryFolder));
    } catch (error) {
      throw storageError(error, 'find the store', this.#root);
    }
  }

  #segments(key: string): string[] {
    const segments = requireKey(key);
    if (reserved.has(segments[0] ?? '')) {
      throw new TidemarkError(
        'internal',
        `The key ${key} begins with a name that the local store keeps for itself.`,
      );
    }
    return segments;
  }
}

function absent(key: string, root: string, cause?: unknown): TidemarkError {
  return new TidemarkError('object_missing', `There is no object ${key} in ${root}.`, { cause });
}

/** Whether `file` is the very file behind `handle`: a network file system can lose the answer to a link that it made. */
async function isSameFile(handle: FileHandle, file: string): Promise<boolean> {
  const [ours, theirs] = await Promise.all([handle.stat({ bigint: true }), lstat(file, { bigint: true })]);
  return ours.ino === theirs.ino && ours.dev === theirs.dev;
}

/** Fills `buffer` from the position `start`; answers the part of it that was filled. */
async function fill(
  buffer: Buffer,
  handle: FileHandle,
  start: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, start + filled);
    // Objects do not shrink; a file that somebody cut short gives what there is.
    if (bytesRead === 0) break;
    filled += bytesRead;
    throwIfCancelled(signal);
  }
  return buffer.subarray(0, filled);
}
