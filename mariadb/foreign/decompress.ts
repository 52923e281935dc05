/** Decompressing a stream as it comes. */
import { createGunzip } from 'node:zlib';
import type { Writable } from 'node:stream';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { startChild } from '../processes/child.ts';
import { findProgram } from '../programs.ts';
import type { Bytes } from './bytes.ts';

/** Also several files of gzip one after the other, as pigz and `cat` make them. @throws source_damaged */
export async function* gunzip(source: Bytes): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: 256 * 1024 });
  const feeding = feed(source, stream);
  feeding.catch((error: unknown) => stream.destroy(error as Error));
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) yield piece;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!/^(Z_|ERR_|ZLIB)/.test(String(code))) throw error;
    throw damaged('gzip', messageOf(error));
  } finally {
    stream.destroy();
    await feeding.catch(() => undefined);
  }
  await feeding;
}

/**
 * By the program: Node's own decoder ends with the first of several frames, as pzstd and `cat` make them, and says nothing.
 *
 * @throws source_damaged, tool_missing
 */
export async function* unzstd(
  source: Bytes,
  { server, attempt }: { server: ServerSettings; attempt: Attempt },
): AsyncGenerator<Uint8Array> {
  const program = await findProgram(server, 'zstd');
  const child = startChild(program, ['-d', '-q', '-c'], {
    folder: attempt.folder,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) {
    const { error } = await child.exited;
    throw error ?? new TidemarkError('tool_missing', 'The program zstd could not be started.');
  }
  // A program that ends early says why on stderr; the broken pipe itself is no news.
  stdin.on('error', () => undefined);
  const feeding = feed(source, stdin).catch((error: unknown) => {
    const broken = /^(EPIPE|ECONNRESET|ERR_STREAM)/.test(String((error as NodeJS.ErrnoException).code));
    if (broken) return undefined;
    void child.end();
    return { error };
  });
  try {
    for await (const piece of stdout as AsyncIterable<Uint8Array>) yield piece;
    const failed = await feeding;
    if (failed) throw failed.error;
    const { code, signal, stderr } = await child.exited;
    if (code !== 0) throw damaged('zstd', stderr.trim().split('\n').at(-1) || (signal ?? `code ${code}`));
  } finally {
    await child.end();
    await feeding;
  }
}

/**
 * Each write is awaited: the memory of a piece is used again once the next one is asked for. One that a decoder fails at is
 * never answered, so its end counts, too.
 */
async function feed(source: Bytes, into: Writable): Promise<undefined> {
  const closed = Promise.withResolvers<void>();
  into.once('close', () => closed.resolve());
  for await (const piece of source) {
    const written = new Promise<void>((resolve, reject) => {
      into.write(piece, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([written, closed.promise]);
    if (into.destroyed) return undefined;
  }
  into.end();
  return undefined;
}

function damaged(how: string, said: string): TidemarkError {
  return new TidemarkError(
    'source_damaged',
    `The backup is compressed by ${how}, and it is cut short or damaged: ${said.slice(0, 300)}.`,
  );
}
