/** Small operations on files and directories, each whole or not at all. */
import { lstat, mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import { messageOf, TidemarkError } from '../../domain/errors.ts';

/** Whether there is nothing at this path. */
export async function isMissing(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return true;
    throw error;
  }
}

/** Removes a directory in which nothing is; says whether it is gone. */
export async function removeIfEmpty(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

/** The names in a directory; none when it is missing. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Writes a file so that there is, after a power cut too, the old content or the new. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  await syncDirectory(path.dirname(file));
}

/** Removes a file so that it is not back after a power cut. One that is not there is no error. */
export async function removeDurably(file: string): Promise<void> {
  if (await isMissing(file)) return;
  await rm(file, { force: true });
  await syncDirectory(path.dirname(file));
}

/** Makes a directory and what leads to it; after a power cut they are there, too, with what was moved into them. */
export async function makeDirectory(directory: string, mode?: number): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

/** Makes what was created, renamed and removed in a directory last. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * What a file of JSON in the state directory records; undefined where there is none.
 *
 * @param unreadable what it means that it cannot be read, and what to do
 * @throws cut_over_failed with that
 */
export async function readRecord<T>(
  file: string,
  schema: z.ZodType<T>,
  unreadable: string,
): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new TidemarkError('cut_over_failed', `${unreadable} ${messageOf(error)}`, { cause: error });
  }
}
