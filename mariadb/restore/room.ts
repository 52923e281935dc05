/** Whether a restore can put its files on this host: places that can be written to, and room. */
import { access, constants, lstat, opendir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Layout } from '../../domain/layout.ts';
import { matchesAny } from '../server/foreign.ts';
import { isMissing } from './files.ts';
import { stagingFor, undoneFolder, workFolder, type StagedMember } from './staging.ts';

/**
 * Why a restore could not swap the files of a server of this layout, each reason a sentence that says what to do.
 * Nothing is touched.
 */
export async function checkStaging(layout: Layout, restoreId: number): Promise<string[]> {
  const staging = stagingFor(layout, restoreId);
  const obstacles = [...layout.obstacles];
  for (const member of staging.members) obstacles.push(...(await checkMember(member)));
  return [...new Set(obstacles)];
}

async function checkMember(member: StagedMember): Promise<string[]> {
  const place = await nearestExisting(path.dirname(member.folder));
  const found: string[] = [];
  if (!(await isWritable(place))) {
    found.push(
      `The agent cannot write in ${place}, where the new files of ${member.live} have to lie: run the agent as ` +
        'root, or let its user write there.',
    );
  }
  if (!(await isMissing(member.live)) && !(await stat(member.live)).isDirectory()) {
    found.push(`${member.live} is not a directory: put it out of the way.`);
  }
  if (!(await isMissing(member.previous))) {
    found.push(
      `${member.previous} holds what an earlier restore of the same number replaced: move it away, or remove it ` +
        'when it is not needed.',
    );
  }
  const undone = undoneFolder(member);
  if (!(await isMissing(undone))) {
    found.push(
      `${undone} holds what an earlier restore of the same number had put there, and which was undone: move it away, ` +
        'or remove it when it is not needed.',
    );
  }
  return found;
}

async function isWritable(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function nearestExisting(file: string): Promise<string> {
  let place = file;
  while (place !== '/' && (await isMissing(place))) place = path.dirname(place);
  return place;
}

/**
 * For each directory of the layout: what is free on its file system for ordinary users, and what the server's files
 * in it take, in bytes. One that is missing takes nothing, and has the room of the nearest parent that is there.
 */
export async function freeSpace(
  layout: Layout,
): Promise<{ directory: string; freeBytes: number; usedBytes: number }[]> {
  const rows = new Map<string, { directory: string; freeBytes: number; usedBytes: number }>();
  for (const member of layout.members) {
    const { directory } = member;
    const files = member.kind === 'data' ? undefined : member.files;
    const row = rows.get(directory) ?? { directory, freeBytes: await freeBytes(directory), usedBytes: 0 };
    row.usedBytes += await usedBytes(directory, (name) =>
      files === undefined ? name !== workFolder : matchesAny(name, files),
    );
    rows.set(directory, row);
  }
  return [...rows.values()];
}

/** Bytes free on the file system of a path, which need not be there. */
export async function freeBytes(file: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearestExisting(file));
  return bavail * bsize;
}

/** What the chosen entries at the top of a directory take on disk, with all that is in them; bytes. */
export async function usedBytes(
  directory: string,
  chosen: (name: string) => boolean = () => true,
): Promise<number> {
  if (await isMissing(directory)) return 0;
  let sum = 0;
  for await (const entry of await opendir(directory)) {
    if (!chosen(entry.name)) continue;
    const file = path.join(directory, entry.name);
    sum += entry.isDirectory() ? await usedBytes(file) : await blocksOf(file);
  }
  return sum;
}

/** A file that a serving server removes meanwhile takes nothing. */
async function blocksOf(file: string): Promise<number> {
  try {
    return (await lstat(file)).blocks * 512;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
