/**
 * Where the files of somebody else's backup go: a folder that nothing gets out of, and no more than there is room for. Or
 * nowhere at all, for a look at a backup that is to be restored in place.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import { bytesForPeople } from '../../domain/sizes.ts';
import { freeBytes } from '../restore/room.ts';
import { workFolder } from '../restore/staging.ts';
import { loadedMark } from '../restore/tool-files.ts';

export interface UnpackedOptions {
  /** Left out for a look: nothing is written then. */
  directory?: string | undefined;
  /** The most that the files may come to. Bytes. */
  mostBytes: number;
  /** What has to stay free on the file system of `directory`, for the server that runs beside. Bytes. */
  keepFree: number;
}

/** A file that is being written. */
export interface UnpackedFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** How much may be written before the room is looked at again. */
const lookEvery = 64 * 1024 ** 2;
/** The most files, and folders: each takes something also when it is empty. */
const mostEntries = 2_000_000;
const longestSegment = 255;
const longestPath = 1000;
/** What the names of all of them may come to, which are held in memory. Bytes. */
const mostNameBytes = 128 * 1024 ** 2;
/** What is kept of a tool's own file; they are some lines. */
const keptBytes = 64 * 1024;
/** The most files of the tools; a backup has three. */
const mostNotes = 64;
export const keptNames = /^((xtrabackup|mariadb_backup)_(checkpoints|info)|backup-my\.cnf)$/;

/** @throws from every method: source_unsafe, source_damaged, source_too_large, disk_full */
export class Unpacked {
  /** The contents of the tools' own files, by their paths. */
  readonly notes = new Map<string, string>();
  /** All that came in its final place. */
  readonly names = new Set<string>();
  bytes = 0;
  readonly #options: UnpackedOptions;
  #made = new Set<string>();
  #nameBytes = 0;
  #notes = 0;
  #lookedAt = 0;

  constructor(options: UnpackedOptions) {
    this.#options = options;
  }

  /** Opens a new file, with the folders that lead to it. Undefined for what is not restored. */
  async create(name: string): Promise<UnpackedFile> {
    const safe = this.#enter(name);
    if (isOurs(safe)) return ignored;
    if (this.names.has(safe)) throw unsafe(name, 'it comes twice');
    this.#name(safe);
    const noted = keptNames.test(path.basename(safe)) ? this.#noted() : undefined;
    const handle = await this.#open(safe);
    return {
      write: async (bytes, position) => {
        await this.#count(bytes.length);
        noted?.write(bytes, position);
        if (handle) await writeAt(handle, bytes, position);
      },
      close: async () => {
        if (noted) this.notes.set(safe, noted.text());
        await handle?.close();
      },
    };
  }

  /** As the stream of a backup says of a table that was dropped while it was taken. */
  async remove(name: string): Promise<void> {
    const safe = this.#enter(name);
    this.names.delete(safe);
    this.notes.delete(safe);
    if (this.#options.directory !== undefined)
      await rm(path.join(this.#options.directory, safe), { force: true });
  }

  /** Likewise of one that was renamed. */
  async move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#enter(from), this.#enter(to)];
    if (!this.names.delete(source)) throw unsafe(from, 'it is renamed and has not come');
    if (this.names.has(target)) throw unsafe(to, 'it comes twice');
    this.#name(target);
    const { directory } = this.#options;
    if (directory === undefined) return;
    await this.#makeFolder(path.dirname(target));
    await rename(path.join(directory, source), path.join(directory, target));
  }

  async makeFolder(name: string): Promise<void> {
    const safe = this.#enter(name);
    if (safe !== '' && !isOurs(safe)) await this.#makeFolder(safe);
  }

  async #open(safe: string): Promise<FileHandle | undefined> {
    const { directory } = this.#options;
    if (directory === undefined) return undefined;
    await this.#makeFolder(path.dirname(safe));
    // Nothing here is followed, or overwritten: there are only files and folders of this very backup.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    try {
      return await open(path.join(directory, safe), flags, 0o640);
    } catch (error) {
      throw told(error, safe);
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    if (folder === '.' || this.#made.has(folder)) return;
    this.#made.add(folder);
    this.#countName(folder);
    this.#limitEntries();
    const { directory } = this.#options;
    if (directory === undefined) return;
    try {
      await mkdir(path.join(directory, folder), { recursive: true, mode: 0o750 });
    } catch (error) {
      throw told(error, folder);
    }
  }

  /** @returns the path without what means nothing; empty for the folder itself. @throws source_unsafe */
  #enter(name: string): string {
    if (name.startsWith('/')) throw unsafe(name, 'it is absolute');
    const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
    if (segments.includes('..')) throw unsafe(name, 'it leads out of the folder');
    if (/[\p{Cc}\\]/u.test(name)) throw unsafe(name, 'it has a character that no name has');
    const safe = segments.join('/');
    const long = segments.some((segment) => Buffer.byteLength(segment) > longestSegment);
    if (long || Buffer.byteLength(safe) > longestPath) throw unsafe(name, 'it is too long');
    if (safe.endsWith('.isl')) {
      throw unsafe(name, 'it says that a table lies outside the data directory (DATA DIRECTORY)');
    }
    this.#limitEntries();
    return safe;
  }

  /** @throws source_too_large */
  #name(safe: string): void {
    this.names.add(safe);
    this.#countName(safe);
  }

  #countName(safe: string): void {
    this.#nameBytes += Buffer.byteLength(safe);
    if (this.#nameBytes <= mostNameBytes) return;
    throw new TidemarkError(
      'source_too_large',
      `The names of the backup's files and folders come to more than ${bytesForPeople(mostNameBytes)}.`,
    );
  }

  /** @throws source_no_backup */
  #noted(): Noted {
    this.#notes += 1;
    if (this.#notes <= mostNotes) return new Noted();
    throw new TidemarkError(
      'source_no_backup',
      `There are several backups in it: it has more than ${mostNotes} files such as xtrabackup_info. Name one alone.`,
    );
  }

  #limitEntries(): void {
    if (this.names.size + this.#made.size <= mostEntries) return;
    throw new TidemarkError('source_too_large', `The backup has more than ${mostEntries} files and folders.`);
  }

  async #count(bytes: number): Promise<void> {
    this.bytes += bytes;
    const { directory, mostBytes, keepFree } = this.#options;
    if (this.bytes > mostBytes) throw tooLarge(mostBytes);
    if (directory === undefined || this.bytes - this.#lookedAt < lookEvery) return;
    this.#lookedAt = this.bytes;
    const free = await freeBytes(directory);
    if (free >= keepFree) return;
    throw new TidemarkError(
      'source_too_large',
      `The backup comes to more than there is room for on the file system of ${directory}: after ${bytesForPeople(this.bytes)} ` +
        `only ${bytesForPeople(free)} are free there. Free some, or restore with mode "in-place".`,
    );
  }
}

export function tooLarge(mostBytes: number): TidemarkError {
  return new TidemarkError(
    'source_too_large',
    `The backup comes to more than ${bytesForPeople(mostBytes)}, which is what there is room for, or what ` +
      'restore.foreign_size allows: free some, or raise the setting.',
  );
}

/** What an earlier restore or its agent left: it would say of these files what is true of others. */
function isOurs(name: string): boolean {
  return name.split('/').includes(workFolder) || path.basename(name) === loadedMark;
}

const ignored: UnpackedFile = { write: () => Promise.resolve(), close: () => Promise.resolve() };

class Noted {
  readonly #memory = Buffer.alloc(keptBytes);
  #length = 0;

  write(bytes: Uint8Array, position: number): void {
    if (position >= keptBytes) return;
    const kept = bytes.subarray(0, keptBytes - position);
    this.#memory.set(kept, position);
    this.#length = Math.max(this.#length, position + kept.length);
  }

  text(): string {
    return this.#memory.toString('utf8', 0, this.#length);
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    try {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    } catch (error) {
      throw told(error, 'a file of the backup');
    }
  }
}

function told(error: unknown, what: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TidemarkError('disk_full', 'There is no room left where the backup is unpacked. Free some.', {
      cause: error,
    });
  }
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ELOOP') {
    return unsafe(what, 'there is something else of that name in it');
  }
  return error;
}

export function unsafe(name: string, why: string): TidemarkError {
  const shown = JSON.stringify(name.slice(0, 200));
  return new TidemarkError(
    'source_unsafe',
    `The backup names ${shown}, and ${why}: it is not unpacked. The server was not touched.`,
  );
}
