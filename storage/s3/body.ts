/** The body of an answer into memory, checked as far as the answer allows. */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { TidemarkError } from '../../domain/errors.ts';
import { throwIfCancelled } from '../cancel.ts';

import { digested } from '../digest.ts';
import { letGo } from '../let-go.ts';
import type { Recognizer } from '../store.ts';

export interface ExpectedBody {
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
  const { length, most } = expected;
  if (length !== undefined && length > most)
    throw damaged(`${most} bytes were asked for, ${length} announced`);
  const bytes = await (length === undefined ? gather(body, most, signal) : fill(body, length, into, signal));
  if (expected.crc32 === undefined || (await recognizes?.(bytes))) return bytes;
  const found = await crc32Of(bytes, signal);
  if (found !== expected.crc32) throw damaged(`expected CRC-32 ${expected.crc32}, found ${found}`);
  return bytes;
}

/** Hex, eight digits. */
export async function crc32Of(bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
  let sum = 0;
  await digested(bytes, { update: (piece) => (sum = crc32(piece, sum)) }, signal);
  return sum.toString(16).padStart(8, '0');
}

async function fill(
  body: Readable,
  length: number,
  into: Buffer | undefined,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const buffer = into && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafeSlow(length);
  let filled = 0;
  const add = (chunk: Buffer): void => {
    if (filled + chunk.length > length) {
      body.destroy(damaged(`${length} bytes were announced, more came`));
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
  if (filled < length) throw damaged(`${length} bytes were announced, ${filled} came`);
  return buffer;
}

/** A server may leave the length out. */
async function gather(body: Readable, most: number, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    throwIfCancelled(signal);
    bytes += chunk.length;
    if (bytes > most) throw damaged(`${most} bytes were asked for, more came`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function damaged(how: string): TidemarkError {
  return new TidemarkError('transfer_damaged', `What the object store sent was changed on its way: ${how}.`);
}
