/**
 * Files on their way to being objects. They lie in one hidden folder of the store, so that no listing shows them,
 * and each name says which process writes it: what a killed process left behind can be told from what is being
 * written, also where several machines share the directory.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { TidemarkError, messageOf } from '../../domain/errors.ts';
import { throwIfCancelled } from '../cancel.ts';
import { errnoOf } from './errors.ts';

/** The folder at the top of the root. No key begins with it. */
export const temporaryFolder = '.tidemark-temporary';

const nameRule = /^([0-9a-f]{16})-(\d+)-(\d+)-[0-9a-f-]{36}$/;
/** No write of one object takes this long, and clocks of machines that share a directory differ by less. */
const oldMs = 3_600_000;
/** Whether a process of another machine lives cannot be asked. */
const oldElsewhereMs = 24 * 3_600_000;

/** Bytes of one write. For a larger one the kernel takes memory in larger pieces, which are harder to come by. */
const writeBytes = 128 * 1024;

interface Owner {
  /** One running machine, or one container of it: process ids mean something within it alone. */
  host: string;
  pid: number;
  /** Start time of the process in clock ticks, because process ids are used again; 0 where there is no /proc. */
  started: number;
}

const self: Owner = {
  host: createHash('sha256')
    .update(`${hostname()}\n${bootId()}\n${pidNamespace()}`)
    .digest('hex')
    .slice(0, 16),
  pid: process.pid,
  started: startTimeOf(process.pid) ?? 0,
};

export interface TemporaryFile {
  file: string;
  handle: FileHandle;
}

/**
 * Writes a new file with `body` and syncs it. The caller gives it its real name, closes the handle and unlinks it.
 * On failure nothing stays.
 */
export async function writeTemporary(
  root: string,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<TemporaryFile> {
  throwIfCancelled(signal);
  const file = newName(root);
  // Not for others; the group as the umask says, so that two users can share a directory on purpose.
  const handle = await open(file, 'wx', 0o660);
  try {
    for (let offset = 0; offset < body.length;) {
      const { bytesWritten } = await handle.write(body, offset, Math.min(writeBytes, body.length - offset));
      offset += bytesWritten;
      throwIfCancelled(signal);
    }
    await handle.sync();
    throwIfCancelled(signal);
    return { file, handle };
  } catch (error) {
    await discardTemporary({ file, handle });
    throw error;
  }
}

/** Closes the handle and removes the temporary name, if it is still there. */
export async function discardTemporary({ file, handle }: TemporaryFile): Promise<void> {
  try {
    await handle.close();
  } finally {
    await unlinkIfThere(file);
  }
}

/**
 * Without hard links a name cannot be given to a whole file only if it is free, so two writers could overwrite
 * each other: such a file system is refused.
 *
 * @throws storage_unavailable
 */
export async function proveLinks(root: string): Promise<void> {
  const temporary = await writeTemporary(root, new Uint8Array(0));
  const second = newName(root);
  try {
    await link(temporary.file, second);
  } catch (error) {
    throw new TidemarkError(
      'storage_unavailable',
      `The file system of ${root} cannot make hard links (${messageOf(error)}), without which two writers could ` +
        'overwrite each other. Use a directory on ext4, XFS, Btrfs, ZFS or NFS.',
      { cause: error },
    );
  } finally {
    await unlinkIfThere(second);
    await discardTemporary(temporary);
  }
}

/**
 * Removes what processes left that were killed while writing: only files that are old, and not of a process
 * that lives. A file that must not be removed (another user's) stays.
 *
 * @param now milliseconds since the epoch
 */
export async function removeLeftovers(root: string, now: number): Promise<void> {
  const folder = path.join(root, temporaryFolder);
  for (const name of await readdir(folder)) {
    const owner = ownerOf(name);
    if (!owner) continue;
    const file = path.join(folder, name);
    try {
      const ageMs = now - (await stat(file)).mtimeMs;
      if (isLeftover(owner, ageMs)) await unlinkIfThere(file);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOENT' && errno !== 'EACCES' && errno !== 'EPERM') throw error;
    }
  }
}

function newName(root: string): string {
  return path.join(root, temporaryFolder, `${self.host}-${self.pid}-${self.started}-${randomUUID()}`);
}

function isLeftover(owner: Owner, ageMs: number): boolean {
  if (owner.host !== self.host) return ageMs > oldElsewhereMs;
  return ageMs > oldMs && !isAlive(owner);
}

function ownerOf(name: string): Owner | undefined {
  const [, host, pid, started] = nameRule.exec(name) ?? [];
  return host === undefined ? undefined : { host, pid: Number(pid), started: Number(started) };
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return errnoOf(error) === 'EPERM';
  }
  return (startTimeOf(owner.pid) ?? 0) === owner.started;
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Field 22 of /proc/PID/stat; the second field, a name in brackets, may hold anything. */
function startTimeOf(pid: number): number | undefined {
  const text = readIfThere(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const field = text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  return field === undefined ? undefined : Number(field);
}

function bootId(): string {
  return readIfThere(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
}

function pidNamespace(): string {
  return readIfThere(() => readlinkSync('/proc/self/ns/pid'));
}

/** Systems without /proc, and processes that have just ended, have an empty answer. */
function readIfThere(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
