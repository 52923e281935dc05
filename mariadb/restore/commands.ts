/**
 * The system's own programs at work on a copy. They are recorded with the attempt and ended with it: a later attempt
 * must not meet a `cp` that still writes.
 */
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { runProgram } from '../processes/run.ts';

/**
 * Makes what was written to the file system of `directory` last. A copy is many files that nobody has synced: one
 * call does for all of them.
 * @throws disk_full, disk_failed
 */
export async function syncFileSystem(directory: string, attempt: Attempt): Promise<void> {
  await run('sync', ['-f', directory], attempt);
}

/** Copies a file or a directory with owners, permissions and times. @throws disk_full, disk_failed */
export async function copyWhole(from: string, to: string, attempt: Attempt): Promise<void> {
  await run('cp', ['-a', '--', from, to], attempt);
}

async function run(program: string, args: readonly string[], attempt: Attempt): Promise<void> {
  const { code, signal, stderr } = await runProgram(program, args, {
    folder: attempt.folder,
    signal: attempt.signal,
  });
  if (code === 0) return;
  const name = /no space left|quota exceeded/i.test(stderr) ? 'disk_full' : 'disk_failed';
  throw new TidemarkError(
    name,
    `${program} failed on the restored files (it ended with ${signal ?? code}): ${stderr.trim()}`,
  );
}
