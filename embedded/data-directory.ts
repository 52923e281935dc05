/** The stack's data directory: made for its owner alone, with a way through to the sample servers where they need one. */
import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname } from 'node:path';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import type { DataPaths } from './paths.ts';

/**
 * Makes the data directory and its folders, and closes one that an earlier version left open to others.
 *
 * @throws invalid_setting naming the folder that cannot be made
 */
export async function prepareDataDirectory(paths: DataPaths): Promise<void> {
  // Below root's, sample servers run as another user, who has to get through, but need not look around.
  const mode = userInfo().uid === 0 ? 0o711 : 0o700;
  await makeFolder(paths.root, mode);
  if (await isOurs(paths)) await tighten([paths.root, paths.mariadb], mode);
  const files = [paths.catalog, paths.temporal].flatMap((file) => [file, `${file}-wal`, `${file}-shm`]);
  await tighten(files, 0o600);
  await makeFolder(paths.mariadb, mode);
  for (const folder of [paths.run, paths.logs, paths.agents]) await makeFolder(folder, 0o700);
}

/**
 * Makes a folder, and those above it that are missing. Node's own recursive way repeats for ever where a parent exists
 * and yet the operating system says that there is none, as below /proc.
 */
async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isFolder(folder))) return;
    if (code !== 'ENOENT' || (await isFolder(dirname(folder)))) throw notMade(folder, error);
    await makeFolder(dirname(folder), 0o755);
    await mkdir(folder, { mode }).catch((again: unknown) => {
      throw notMade(folder, again);
    });
  }
}

const reasons: Record<string, string> = {
  EEXIST: 'a file is in its place',
  ENOTDIR: 'a file is in the place of a folder above it',
  ENOENT: 'no folders can be made there',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the file system is full',
};

function notMade(folder: string, cause: unknown): TidemarkError {
  const reason = reasons[(cause as NodeJS.ErrnoException).code ?? ''] ?? messageOf(cause);
  return new TidemarkError(
    'invalid_setting',
    `The folder ${folder} cannot be made: ${reason}. Choose another place with --data.`,
    { cause },
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Whether nothing but a stack's lies in it: a folder that has other things, too, keeps the mode that it was given. */
async function isOurs(paths: DataPaths): Promise<boolean> {
  const names = new Set(Object.values<string>({ ...paths }).map((path) => basename(path)));
  for (const file of [paths.catalog, paths.temporal])
    for (const end of ['-wal', '-shm', '-journal']) names.add(`${basename(file)}${end}`);
  const found = await readdir(paths.root);
  return found.length > 0 && found.every((name) => names.has(name));
}

/** Takes away what others may, and adds nothing. What belongs to somebody else is left alone. */
async function tighten(all: string[], mode: number): Promise<void> {
  for (const path of all) {
    const found = await stat(path).catch(() => undefined);
    if (found?.uid !== userInfo().uid) continue;
    const narrower = found.mode & mode;
    if (narrower !== (found.mode & 0o777)) await chmod(path, narrower);
  }
}
