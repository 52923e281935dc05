/**
 * Whether a copy that was unpacked is still whole. Until it is synced it is whole only as long as the machine runs:
 * after a power cut files are there by name and cut short, which neither their names nor the tools tell.
 *
 * A file in the operation's folder says it: the boot in which the copy was unpacked, or that it is synced.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from './files.ts';

const synced = 'synced';
const markOf = (folder: string): string => path.join(folder, 'unpacked');

/** What the kernel calls the time since it was started. */
export async function currentBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** The last file of the copy was written. */
export async function markUnpacked(folder: string): Promise<void> {
  await writeDurably(markOf(folder), await currentBoot());
}

/** The copy survives a power cut from now on. */
export async function markSynced(folder: string): Promise<void> {
  await writeDurably(markOf(folder), synced);
}

/** Whether the machine was started anew before the copy was synced. Without a mark, as agents of before leave it, no. */
export async function lostInPowerCut(folder: string): Promise<boolean> {
  let mark: string;
  try {
    mark = await readFile(markOf(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  return mark !== synced && mark !== (await currentBoot());
}
