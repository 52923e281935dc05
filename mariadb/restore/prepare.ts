/** Preparing an unpacked copy: mariadb-backup applies the redo log, so that all files are of one instant. */
import type { RestoreSettings, ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { runProgram } from '../processes/run.ts';
import { findProgram } from '../programs.ts';
import { adoptKeyOptions } from './key-options.ts';
import { workingMemory } from './memory.ts';
import { freeBytes, usedBytes } from './room.ts';
import { readCheckpoints, type Checkpoints } from './tool-files.ts';

/** What even a small copy is prepared with. */
const smallCopyBytes = 128 * 1024 ** 2;

export interface PrepareOptions {
  server: ServerSettings;
  restore: RestoreSettings;
  directory: string;
  attempt: Attempt;
  /** What the manifest says of the backup. */
  expected: { toLsn: number };
}

/**
 * Prepares the copy in `directory`. One that is prepared already is left alone; one whose preparation was
 * interrupted is prepared again from its redo log, which is only read.
 * @throws prepare_failed, disk_full, tool_missing; the signal's reason when it was aborted
 */
export async function prepareCopy(options: PrepareOptions): Promise<void> {
  const before = await requireCheckpoints(options);
  if (before.prepared) return;
  await adoptKeyOptions(options.server, options.directory);
  await runPrepare(options, []);
}

/**
 * Brings an unpacked incremental into a prepared copy. What it is, and what the copy is, is used up by that: once it was
 * interrupted, neither can be used again.
 * @param options `expected.toLsn` is where the copy ends afterwards; `fromLsn` where it ends now
 * @throws prepare_failed, disk_full, tool_missing; the signal's reason when it was aborted
 */
export async function applyIncremental(
  options: PrepareOptions & { incremental: string; expected: { fromLsn: number; toLsn: number } },
): Promise<void> {
  const { expected, incremental } = options;
  const before = await requireCheckpoints({ ...options, expected: { toLsn: expected.fromLsn } });
  if (!before.prepared) throw new Error('an incremental for a copy that is not prepared');
  await requireCheckpoints({ ...options, directory: incremental });
  await runPrepare(options, [`--incremental-dir=${incremental}`]);
}

async function runPrepare(options: PrepareOptions, further: readonly string[]): Promise<void> {
  const { server, directory, attempt } = options;
  const useful = smallCopyBytes + (await usedBytes(directory));
  const memory = await workingMemory(options.restore.memory_share, useful);
  const program = await findProgram(server, 'mariadb-backup');
  const result = await runProgram(
    program,
    ['--prepare', `--use-memory=${memory}`, `--target-dir=${directory}`, ...further],
    { folder: attempt.folder, signal: attempt.signal, keepBytes: 64 * 1024 },
  );
  if (result.code !== 0 || !/completed OK!\s*$/.test(result.stderr)) {
    throw await prepareError(result.stderr, result.code ?? result.signal, directory);
  }
  const after = await requireCheckpoints(options);
  if (!after.prepared) {
    throw new TidemarkError(
      'prepare_failed',
      `mariadb-backup ended well, but the copy is "${after.type}" and not prepared. Verify the backup.`,
    );
  }
}

/** LSNs do not identify a server, but a copy with other ones is surely not what the manifest describes. */
async function requireCheckpoints({ directory, expected }: PrepareOptions): Promise<Checkpoints> {
  const checkpoints = await readCheckpoints(directory);
  if (!checkpoints) {
    throw new TidemarkError(
      'prepare_failed',
      `There is no whole copy in ${directory}: fetch the backup again.`,
    );
  }
  if (checkpoints.toLsn !== expected.toLsn) {
    throw new TidemarkError(
      'prepare_failed',
      `The copy ends at LSN ${checkpoints.toLsn}, but its manifest says ${expected.toLsn}. Verify the backup.`,
    );
  }
  return checkpoints;
}

async function prepareError(
  stderr: string,
  ended: number | string | null,
  directory: string,
): Promise<TidemarkError> {
  if (/no space left|errno:? 28|error number 28|disk is full/i.test(stderr)) {
    return new TidemarkError(
      'disk_full',
      `There is no room left on the file system of ${directory} (${await freeBytes(directory)} bytes are free).`,
    );
  }
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => /\[ERROR\]|\berror\b|failed|FATAL/i.test(line));
  const closing = (telling.length > 0 ? telling : lines).slice(-3).join(' | ').slice(-800);
  return new TidemarkError(
    'prepare_failed',
    `mariadb-backup could not prepare the copy (it ended with ${ended}): ${closing} Verify the backup.`,
  );
}
