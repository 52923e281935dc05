/** One stack at a time in a data directory. */
import { link, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TidemarkError } from '../domain/errors.ts';
import { isAlive, readRecord, writeRecord } from './process-record.ts';

/**
 * Takes a data directory for this process, until the answer is called or the process is gone.
 *
 * @param folder of the records; it exists
 * @throws invalid_setting naming the process that has it.
 */
export async function lockData(root: string, folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'stack.json');
  const mine = join(folder, `stack.json.${process.pid}`);
  await writeRecord(mine, process.pid);
  try {
    // A link is made whole or not at all, so nobody ever reads half of a record here.
    while (!(await linked(mine, file))) {
      const owner = await readRecord(file);
      if (owner && isAlive(owner)) {
        throw new TidemarkError(
          'invalid_setting',
          `Process ${owner.pid} already runs a stack in ${root}. Stop it with Ctrl-C (or: kill ${owner.pid}), or choose another --data directory.`,
        );
      }
      // Renamed rather than removed: of two processes that find the same stale lock, one takes it away.
      await rename(file, `${mine}.stale`).catch(() => undefined);
      await rm(`${mine}.stale`, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
  return () => rm(file, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
