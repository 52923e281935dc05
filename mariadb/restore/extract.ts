/** Unpacking a backup's stream into a directory, as it is fetched: `[age -d |] zstd -d | mbstream -x`. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { failedStage, startPipeline, type Stage, type StageResult } from '../processes/pipeline.ts';
import { findProgram } from '../programs.ts';
import { foreignEntries, inspectLayout } from '../server/layout.ts';
import { forgetEarlierCheck } from './lay-out.ts';
import { freeBytes } from './room.ts';
import { workFolder } from './staging.ts';
import { readCheckpoints, readToolFile } from './tool-files.ts';

/** Threads of mbstream that write files: more than the disk takes at once is of no use. */
const writers = 4;
/** With less room than this, a program that failed to write is believed to have found the disk full. */
const fullBelowBytes = 1024 ** 2;

export interface ExtractionOptions {
  server: ServerSettings;
  /** There already; what an earlier attempt left in it is removed first. */
  directory: string;
  /** The age identity that opens the stream, a secret; undefined for one that is not encrypted. */
  identity: string | undefined;
  attempt: Attempt;
}

export interface Extraction {
  /** The stream of the backup goes in here, and is ended by the caller. */
  input: Writable;
  /**
   * Waits for the programs, once `input` was ended.
   * @throws extract_failed, disk_full, identity_unavailable; the signal's reason when it was aborted
   */
  whole(): Promise<void>;
  /** Ends all programs. May be called at any time. */
  end(): Promise<void>;
}

/** @throws tool_missing */
export async function startExtraction(options: ExtractionOptions): Promise<Extraction> {
  const { attempt, directory } = options;
  const stages = await extractionStages(options);
  await emptyDirectory(options.server, directory);
  const pipeline = await startPipeline(stages, {
    folder: attempt.folder,
    signal: attempt.signal,
    input: 'pipe',
  });
  const whole = async (): Promise<void> => {
    const results = await pipeline.finished;
    attempt.signal.throwIfAborted();
    const failed = failedStage(results);
    if (failed) throw await extractionError(failed, results, directory);
    await requireWhole(directory);
  };
  if (!pipeline.input) {
    // The first program could not be started. The others end, and the reason is thrown.
    await pipeline.end();
    await whole();
    throw new TidemarkError('extract_failed', 'The first program of the pipe has no input.');
  }
  return { input: pipeline.input, end: () => pipeline.end(), whole };
}

async function extractionStages(options: ExtractionOptions): Promise<Stage[]> {
  const { server, directory, identity } = options;
  const stages = await unpackingStages(server, identity);
  stages.push({
    program: await findProgram(server, 'mbstream'),
    args: ['-x', '-p', String(writers), '-C', directory],
  });
  return stages;
}

/** What makes of a stored stream the one that was backed up. @throws tool_missing */
export async function unpackingStages(
  server: ServerSettings,
  identity: string | undefined,
): Promise<Stage[]> {
  const stages: Stage[] = [];
  if (identity !== undefined) stages.push(decryption(await findProgram(server, 'age'), identity));
  stages.push({ program: await findProgram(server, 'zstd'), args: ['-d', '-q', '-c'] });
  return stages;
}

/**
 * age takes an identity from a file alone, and the one descriptor that it reads, its input, has the backup. So a shell
 * gives it a pipe as a file: the secret is in no argument, no environment and on no disk. `cat` makes that a pipe,
 * because what comes from here is a socket, which cannot be opened by its name.
 */
export function decryption(age: string, identity: string): Stage {
  const script = 'exec 4<&0; cat <&3 4<&- | "$0" -d -i /dev/fd/5 5<&0 0<&4 3<&- 4<&-';
  return { program: '/bin/sh', args: ['-c', script, age], name: age, handed: `${identity}\n` };
}

/**
 * Removes from a data directory, or a copy of one, all that is the server's or its tools'. mbstream neither
 * overwrites a file nor says so: it ends well, and the old file stays. Of the work folder only the places of other
 * restores stay.
 */
export async function emptyDirectory(server: ServerSettings, directory: string): Promise<void> {
  await forgetEarlierCheck(directory);
  const layout = await inspectLayout(server);
  const here = { kind: 'data' as const, directory, mountPoint: false, files: [] };
  const staying = [
    workFolder,
    'lost+found',
    ...(await foreignEntries(server, { ...layout, members: [here] })),
  ];
  for (const name of await readdir(directory)) {
    if (!staying.includes(name)) await rm(path.join(directory, name), { recursive: true, force: true });
  }
}

/** mbstream ends well on a stream that stops between two chunks: the last file of a backup proves that all came. */
async function requireWhole(directory: string): Promise<void> {
  const info = await readToolFile(directory, 'info');
  const checkpoints = await readCheckpoints(directory);
  if (info === '' || !checkpoints) {
    throw new TidemarkError(
      'extract_failed',
      'The stream of the backup ended early: the file that closes every backup, xtrabackup_info, did not come. ' +
        'Restore another backup.',
    );
  }
}

async function extractionError(
  failed: StageResult,
  results: readonly StageResult[],
  directory: string,
): Promise<TidemarkError> {
  if (failed.error) return failed.error;
  const said = results.map((result) => result.stderr).join('\n');
  const free = await freeBytes(directory);
  if (
    /no space left|errno:? 28|enospc/i.test(said) ||
    (free < fullBelowBytes && !failed.program.endsWith('age'))
  ) {
    return new TidemarkError(
      'disk_full',
      `There is no room left on the file system of ${directory} (${free} bytes are free). Free some, or restore ` +
        'with mode "in-place", which replaces the old data first.',
    );
  }
  return explainUnpacking(failed);
}

/** The error of a program that failed with a stream, whatever became of the disk. */
export function explainUnpacking(failed: StageResult): TidemarkError {
  if (failed.error) return failed.error;
  const closing = lastLines(failed.stderr);
  if (
    /no identity matched|identity file|failed to read .*identit|malformed secret key/i.test(failed.stderr)
  ) {
    return new TidemarkError(
      'identity_unavailable',
      `The agent's age identity does not open this backup: ${closing}`,
    );
  }
  const ended = failed.signal === null ? `code ${failed.code}` : failed.signal;
  return new TidemarkError(
    'extract_failed',
    `The backup could not be unpacked: ${path.basename(failed.program)} ended with ${ended}. ${closing}`,
  );
}

/** The end of what a program said, in one line. */
function lastLines(text: string, count = 3): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(-count)
    .join(' | ')
    .slice(-600);
}
