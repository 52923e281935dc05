/** Fetching a backup's parts into the programs that make something of them. */
import type { Writable } from 'node:stream';
import { TidemarkError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { measure, type RestorePhase } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { type Extraction, startExtraction } from '../../mariadb/restore/extract.ts';
import { identityFor } from '../../mariadb/restore/identity.ts';
import { readParts } from '../../storage/parts.ts';
import type { Replicas } from '../../storage/replicas.ts';
import type { Host } from './host.ts';

export interface FetchOptions {
  manifest: Manifest;
  from: Replicas;
  attempt: Attempt;
  phase?: RestorePhase;
}

/** Fetches and unpacks files. */
export async function fetchInto(host: Host, options: FetchOptions & { directory: string }): Promise<void> {
  const { server } = host.settings;
  const { manifest, directory, attempt: trial } = options;
  const identity = await identityOf(host, manifest, trial);
  const extraction = await startExtraction({ server, directory, identity, attempt: trial });
  try {
    await feed(host, options, extraction);
  } finally {
    await extraction.end();
  }
}

/** The identity that opens a backup, a secret; undefined for one that is not encrypted. */
export async function identityOf(
  host: Host,
  { pipeline: { recipients } }: Manifest,
  trial: Attempt,
): Promise<string | undefined> {
  if (recipients.length === 0) return undefined;
  return await identityFor(host.settings.restore, recipients, trial);
}

/**
 * Each part is checked before a byte of it is handed to the programs, and the programs have the last word.
 *
 * @param worked what the programs did with it so far, in bytes, where they may take long over little
 */
export async function feed(
  host: Host,
  { manifest, from, attempt: trial, phase = 'fetching' }: FetchOptions,
  into: Extraction,
  worked?: () => number,
): Promise<void> {
  const [stream] = manifest.streams;
  if (!stream)
    throw new TidemarkError('object_damaged', `The manifest of ${manifest.backupId} names no stream.`);
  const begun = Date.now();
  let fetched = 0;
  const tell = (): void => {
    const progress = measure(phase, fetched, manifest.storedBytes, Date.now() - begun);
    trial.report(progress, fetched + (worked?.() ?? 0));
  };
  const telling = worked && setInterval(tell, 1_000);
  const parts = readParts(from, stream, {
    ahead: host.settings.restore.parts_ahead,
    reuse: true,
    signal: trial.signal,
    onProgress: (bytes) => {
      fetched = bytes;
      tell();
    },
  });
  try {
    await pour(parts, into, trial.signal);
  } finally {
    clearInterval(telling);
  }
}

/** Hands a stream over to the programs, and waits for what they make of it. */
export async function pour(
  pieces: AsyncIterable<Uint8Array>,
  into: Extraction,
  signal: AbortSignal,
): Promise<void> {
  let broken = false;
  try {
    // Each write is awaited, because the memory of a piece is used again as soon as the next one is asked for.
    for await (const bytes of pieces) {
      await write(into.input, bytes).catch((error: unknown) => {
        broken = true;
        throw error;
      });
    }
    into.input.end();
    await into.whole();
  } catch (error) {
    signal.throwIfAborted();
    // The pipe broke because a program ended: why it did is what has to be said. After anything else the programs
    // would wait for more.
    if (broken) await into.whole();
    throw error;
  }
}

/** Resolves once the bytes are out of our hands; rejects when the pipe is broken or closed. */
async function write(pipe: Writable, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    pipe.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
