/** A range of a binlog in the spool, made what is stored: compressed and, for recipients, encrypted. */
import { createHash, hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import type { ServerSettings } from '../../config/agent.ts';
import { clearInUse } from '../../domain/archive/track.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { failedStage, type Stage, startPipeline } from '../processes/pipeline.ts';
import { findProgram } from '../programs.ts';
import type { SpoolFile } from './spool-file.ts';

export interface EncodeOptions {
  server: ServerSettings;
  recipients: readonly string[];
  level: number;
  folder: string;
  signal: AbortSignal;
}

export interface Encoded {
  body: Buffer;
  sha256: string;
  /** Of the binlog's own bytes, IN_USE cleared. */
  plainSha256: string;
}

const pieceBytes = 256 * 1024;

/**
 * Memory is what is stored of it, and a piece.
 *
 * @throws tool_missing; archive_failed when a program failed; the signal's reason
 */
export async function encodeRange(
  spool: SpoolFile,
  { start, end }: { start: number; end: number },
  options: EncodeOptions,
): Promise<Encoded> {
  const file = path.join(options.folder, 'segment');
  await using handle = await open(file, 'w+', 0o600);
  // Nobody needs its name, and nobody has to remove what a killed process left.
  await rm(file);
  const pipeline = await startPipeline(await stagesOf(options), {
    folder: options.folder,
    signal: options.signal,
    input: 'pipe',
    outputTo: handle.fd,
  });
  const digest = createHash('sha256');
  let cause: unknown;
  try {
    for await (const piece of pieces(spool, start, end)) {
      digest.update(piece);
      if (pipeline.input) await write(pipeline.input, piece);
    }
    pipeline.input?.end();
  } catch (error) {
    cause = error;
    await pipeline.end();
  }
  const failed = failedStage(await pipeline.finished);
  options.signal.throwIfAborted();
  if (failed) {
    const said = failed.error?.message ?? failed.stderr.trim().slice(-300);
    const what = `A part of the binlog could not be packed: ${path.basename(failed.program)} failed. ${said}`;
    throw new TidemarkError('archive_failed', what, { cause });
  }
  if (cause !== undefined) throw cause as Error;
  const body = await contentOf(handle);
  return { body, sha256: hash('sha256', body), plainSha256: digest.digest('hex') };
}

/** From the start: the programs have moved the place where it is read. */
async function contentOf(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat();
  const body = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size;) {
    const { bytesRead } = await handle.read(body, at, size - at, at);
    at += bytesRead;
  }
  return body;
}

/** The same digest, of bytes that are not to be stored. */
export async function plainDigest(
  spool: SpoolFile,
  { start, end }: { start: number; end: number },
): Promise<string> {
  const digest = createHash('sha256');
  for await (const piece of pieces(spool, start, end)) digest.update(piece);
  return digest.digest('hex');
}

/** Each is good until the next one is asked for. */
async function* pieces(
  spool: SpoolFile,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  const memory = Buffer.allocUnsafe(Math.min(pieceBytes, end - start));
  for (let at = start; at < end;) {
    const piece = memory.subarray(0, Math.min(memory.length, end - at));
    const read = await spool.readAt(at, piece);
    if (read === 0) {
      throw new TidemarkError(
        'archive_failed',
        `The spool of the binlog ends at ${at}, before ${end}. Something else changes the agent's state directory.`,
      );
    }
    if (at === 0) clearInUse(piece);
    yield piece.subarray(0, read);
    at += read;
  }
}

async function write(input: Writable, piece: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    input.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

async function stagesOf({ server, recipients, level }: EncodeOptions): Promise<Stage[]> {
  const stages: Stage[] = [
    { program: await findProgram(server, 'zstd'), args: ['-c', '-q', `-${level}`, '-T1'] },
  ];
  if (recipients.length > 0) {
    const args = recipients.flatMap((recipient) => ['-r', recipient]);
    stages.push({ program: await findProgram(server, 'age'), args });
  }
  return stages;
}
