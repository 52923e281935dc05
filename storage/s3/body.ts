/** The body of an answer into memory, checked as far as the answer allows. */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { TidemarkError } from '../../domain/errors.ts';
import { throwIfCancelled } from '../cancel.ts';
import { digested } from '../digest.ts';
import { letGo } from '../let-go.ts';
import { WrongDigest } from '../network/wrong-digest.ts';
import type { ByteRange, Recognizer } from '../store.ts';

export interface ExpectedBody {
  /** Of the object, for messages. */
  key: string;
  /** By the header of the answer; undefined when it has none. */
  length: number | undefined;
  /** No more was asked for. */
  most: number;
  /** Of the whole body, hex; undefined when it is not known. */
  crc32: string | undefined;
}

/** As in the call of the store. */
export interface Reading {
  /** Used when the body fits. */
  into: Buffer | undefined;
  recognizes: Recognizer | undefined;
  signal: AbortSignal | undefined;
}

/**
 * Reads a body to its end. Every chunk is copied to its place and let go at once, so that the memory of a part is all
 * that it takes.
 *
 * @throws transfer_damaged when length or checksum are not what was announced; whatever the stream fails with
 */
export async function readBody(
  body: Readable,
  expected: ExpectedBody,
  { into, recognizes, signal }: Reading,
): Promise<Buffer> {
  const { key, length, most, crc32: sum } = expected;
  if (length !== undefined && length > most)
    throw damaged(key, `${most} bytes were asked for, ${length} announced`);
  const bytes = await (length === undefined
    ? gather(body, expected, signal)
    : fill(body, { key, length }, into, signal));
  if (sum === undefined || (await recognizes?.(bytes))) return bytes;
  const found = await crc32Of(bytes, signal);
  if (found === sum) return bytes;
  const digests = { expected: `CRC-32 ${sum}`, found };
  throw new WrongDigest(changed(key, `expected CRC-32 ${sum}, found ${found}`), digests);
}

/**
 * The range out of a body that is the whole object, from a server that does not know ranges. No more of it is read, or
 * held, than that takes. What comes has no checksum of its own.
 *
 * @throws transfer_damaged when it ends before it was announced to
 */
export async function readWindow(
  body: Readable,
  { key, length: announced }: Pick<ExpectedBody, 'key' | 'length'>,
  { start, length }: ByteRange,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const end = Math.min(start + length, announced ?? Number.MAX_SAFE_INTEGER);
  const kept: Buffer[] = [];
  let at = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    throwIfCancelled(signal);
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    // A copy: a chunk may be a small piece of something larger, which would be kept with it.
    if (wanted.length > 0) kept.push(Buffer.from(wanted));
    at += chunk.length;
    letGo(chunk.length);
    if (at >= end) break;
  }
  if (announced !== undefined && at < end)
    throw damaged(key, `${announced} bytes were announced, ${at} came`);
  return Buffer.concat(kept);
}

/** Hex, eight digits. */
export async function crc32Of(bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
  let sum = 0;
  await digested(bytes, { update: (piece) => (sum = crc32(piece, sum)) }, signal);
  return sum.toString(16).padStart(8, '0');
}

async function fill(
  body: Readable,
  { key, length }: { key: string; length: number },
  into: Buffer | undefined,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const buffer = into && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafeSlow(length);
  let filled = 0;
  const add = (chunk: Buffer): void => {
    if (filled + chunk.length > length) {
      body.destroy(damaged(key, `${length} bytes were announced, more came`));
      return;
    }
    buffer.set(chunk, filled);
    filled += chunk.length;
    letGo(chunk.length);
  };
  // As events: to wait for each chunk would stop the connection, and start it again, for each.
  body.on('data', add);
  try {
    await finished(body, { writable: false, signal });
  } finally {
    body.off('data', add);
  }
  if (filled < length) throw damaged(key, `${length} bytes were announced, ${filled} came`);
  return buffer;
}

/** A server may leave the length out. */
async function gather(
  body: Readable,
  { key, most }: ExpectedBody,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    throwIfCancelled(signal);
    bytes += chunk.length;
    if (bytes > most) throw damaged(key, `${most} bytes were asked for, more came`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function damaged(key: string, how: string): TidemarkError {
  return new TidemarkError('transfer_damaged', changed(key, how));
}

function changed(key: string, how: string): string {
  return `What the object store sent of ${key} was changed on its way: ${how}.`;
}
