/**
 * Locks between processes on one host. The kernel holds them, so that they end with the process that has them, in
 * whatever way it ends: there is no stale lock.
 */
import { accessSync, constants } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../domain/errors.ts';
import { refuseForeignLock } from './file-owner.ts';

export interface Lock extends AsyncDisposable {
  /** Gives the lock back; again is fine. */
  release(): Promise<void>;
}

export interface LockOwner {
  /** Who takes it, for the message to whom it is refused: `restore 12`. */
  operation: string;
  signal?: AbortSignal;
  /** How long to wait for another owner, in milliseconds. Default: 10 s. */
  waitMs?: number;
}

const pollMs = 100;

/**
 * Takes the exclusive lock of this name. Node has no call for a file lock, but SQLite takes one on its database file
 * (fcntl), and keeps account of connections within one process, for which the kernel's locks do not count. The file
 * must not be opened in any other way: closing it would drop the lock.
 * @throws host_busy naming the owner, after `waitMs`; lock_forbidden when it is another user's; the signal's reason
 */
export async function acquireLock(file: string, owner: LockOwner): Promise<Lock> {
  try {
    return await acquire(file, owner);
  } catch (error) {
    if (!(error instanceof TidemarkError)) await refuseForeignLock(file);
    throw error;
  }
}

async function acquire(file: string, owner: LockOwner): Promise<Lock> {
  const { operation, signal, waitMs = 10_000 } = owner;
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const deadline = Date.now() + waitMs;
  let database = tryLock(file);
  while (!database) {
    if (Date.now() >= deadline) throw await busy(file, operation);
    await sleep(pollMs);
    signal?.throwIfAborted();
    database = tryLock(file);
  }
  const held = database;
  const ownerFile = `${file}.owner`;
  try {
    signal?.throwIfAborted();
    await writeFile(ownerFile, `${operation} (process ${process.pid})`, { mode: 0o600 });
  } catch (error) {
    held.close();
    throw error;
  }
  const release = async (): Promise<void> => {
    if (!held.isOpen) return;
    // Before the lock goes: afterwards it would be the next owner's file.
    await rm(ownerFile, { force: true });
    if (held.isOpen) held.close();
  };
  return { release, [Symbol.asyncDispose]: release };
}

function tryLock(file: string): DatabaseSync | undefined {
  const database = new DatabaseSync(file);
  try {
    // One that may only be read is opened all the same, and "locked" without keeping anybody away.
    accessSync(file, constants.R_OK | constants.W_OK);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    // SQLITE_BUSY and SQLITE_LOCKED.
    if ([5, 6].includes((error as { errcode?: number }).errcode ?? 0)) return undefined;
    throw error;
  }
}

async function busy(file: string, operation: string): Promise<TidemarkError> {
  const owner = await readFile(`${file}.owner`, 'utf8').catch(() => 'Another process');
  return new TidemarkError(
    'host_busy',
    `${owner} works on this server, so that ${operation} cannot. Wait until it ends, then try again.`,
  );
}
