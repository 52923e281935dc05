/**
 * Laying a checked copy out as the live server expects it: files of members that have a place of their own go there,
 * what is foreign in the live data directory is carried over, and what only the tools needed goes.
 */
import { chmod, chown, copyFile, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Attempt } from '../context.ts';
import { isDatabase, matchesAny } from '../server/foreign.ts';
import { foreignEntries } from '../server/layout.ts';
import { copyWhole, syncFileSystem } from './commands.ts';
import { isMissing, removeIfEmpty, syncDirectory } from './files.ts';
import { privateFolder } from './private-options.ts';
import { workFolder, type StagedMember, type Staging } from './staging.ts';
import { isCheckpointsFile, isToolFile } from './tool-files.ts';

/** Says, in a copy, that it was checked and that files are being moved out of it. */
export const layingOutMark = `${workFolder}/laying-out`;

/**
 * Removes what an earlier restore, or an earlier attempt, left in the work folder of a directory that is about to be
 * filled again. Its mark would pass the new files off as checked. What lies there beside, as on a mount point, stays.
 */
export async function forgetEarlierCheck(directory: string): Promise<void> {
  const folder = path.join(directory, workFolder);
  if (await isMissing(folder)) return;
  await rm(path.join(directory, layingOutMark), { force: true });
  await rm(path.join(directory, privateFolder), { recursive: true, force: true });
  await syncDirectory(folder);
  await removeIfEmpty(folder);
}

/** The members whose files come with a backup. Binlogs and relay logs do not: the server begins new ones. */
const restoredKinds = ['innodb', 'redo', 'undo', 'aria'];

export interface LayOutOptions {
  server: ServerSettings;
  layout: Layout;
  /** In place: the one whose new files are the live ones. */
  staging: Staging;
  directory: string;
  inPlace: boolean;
  attempt: Attempt;
}

/** Whether a copy has been laid out: the tool's last file is gone, and it is a server's data. */
export async function isLaidOut(directory: string): Promise<boolean> {
  if (await isMissing(path.join(directory, 'mysql'))) return false;
  return !(await readdir(directory)).some(isCheckpointsFile);
}

/** May be repeated from any point. Once it returns, the files survive a power cut. @throws disk_full */
export async function layOut(options: LayOutOptions): Promise<void> {
  const { staging, directory, attempt } = options;
  if (await isLaidOut(directory)) {
    await closeLayOut(options);
    return;
  }
  try {
    for (const member of staging.members) {
      if (restoredKinds.includes(member.kind)) await moveOut(member, directory);
    }
    const data = staging.members.find((member) => member.kind === 'data');
    // Where entries are moved, foreign ones simply stay where they are.
    if (data?.renamed && !options.inPlace) await carryOver(options, data);
    await removeToolFiles(directory);
    await rm(path.join(directory, privateFolder), { recursive: true, force: true });
    for (const member of staging.members) {
      if (!(await isMissing(member.incoming))) await syncFileSystem(member.incoming, attempt);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new TidemarkError(
      'disk_full',
      `There is no room left where the restored files are put: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
  await closeLayOut(options);
}

/**
 * The checkpoints go once all is in its place: without them the copy counts as ready. The mark goes after them, because
 * a copy with neither mark nor place for all its files would be checked again, by a server that misses what was moved.
 */
async function closeLayOut({ directory, attempt }: LayOutOptions): Promise<void> {
  for (const name of (await readdir(directory)).filter(isCheckpointsFile))
    await rm(path.join(directory, name));
  await syncDirectory(directory);
  await rm(path.join(directory, layingOutMark), { force: true });
  await removeIfEmpty(path.join(directory, workFolder));
  // A copy is many files that nobody has synced: one call makes all of them last.
  await syncFileSystem(directory, attempt);
}

async function moveOut(member: StagedMember, directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => matchesAny(name, member.files));
  if (names.length === 0) return;
  await mkdir(member.incoming, { recursive: true });
  for (const name of names) await moveFile(path.join(directory, name), path.join(member.incoming, name));
}

/** Renames, or copies to another file system: under another name first, so that a file that is there is whole. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
  }
  const partial = `${to}.tidemark-part`;
  const { uid, gid, mode } = await stat(from);
  await copyFile(from, partial);
  await chown(partial, uid, gid);
  await chmod(partial, mode);
  const handle = await open(partial, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, to);
  await rm(from);
}

/**
 * Certificates, keys, flags: with their owners, permissions and times, as `cp -a` copies them. A directory that holds no
 * table any more, on a server that has lost them, may be a database in the backup: that one stays.
 */
async function carryOver(options: LayOutOptions, data: StagedMember): Promise<void> {
  for (const name of await foreignEntries(options.server, options.layout)) {
    const target = path.join(options.directory, name);
    if (await isDatabaseDirectory(target)) continue;
    await rm(target, { recursive: true, force: true });
    await copyWhole(path.join(data.live, name), target, options.attempt);
  }
}

async function isDatabaseDirectory(directory: string): Promise<boolean> {
  if ((await isMissing(directory)) || !(await lstat(directory)).isDirectory()) return false;
  return isDatabase({ name: path.basename(directory), directory: true, files: await readdir(directory) });
}

async function removeToolFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (isToolFile(name) && !isCheckpointsFile(name)) await rm(path.join(directory, name));
  }
}
