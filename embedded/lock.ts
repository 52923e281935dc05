/** One stack at a time in a data directory. */
import { join } from 'node:path';
import { TidemarkError } from '../domain/errors.ts';
import { acquireLock } from '../mariadb/lock.ts';
import { processStart } from '../mariadb/processes/record.ts';

/**
 * Takes a data directory for this process, until the answer is called or the process is gone, in whatever way.
 *
 * @param folder of the records; it exists
 * @throws invalid_setting naming the process that has it; lock_forbidden when the directory is another user's
 */
export async function lockData(root: string, folder: string): Promise<() => Promise<void>> {
  try {
    const lock = await acquireLock(join(folder, 'stack.lock'), { operation: 'a stack', waitMs: 0 });
    return () => lock.release();
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'host_busy') throw error;
    throw inUse(root, Number(/\(process (\d+)\)/.exec(error.message)?.[1]), error);
  }
}

/** The owner's name is on disk a moment later than its lock: for that long it may be the one of before. */
function inUse(root: string, pid: number, cause: TidemarkError): TidemarkError {
  const known = pid > 1 && processStart(pid) !== undefined;
  const [who, how] = known ? [`Process ${pid}`, ` (or: kill ${pid})`] : ['Another process', ''];
  return new TidemarkError(
    'invalid_setting',
    `${who} already runs a stack in ${root}. Stop it with Ctrl-C${how}, or choose another --data directory.`,
    { cause },
  );
}
