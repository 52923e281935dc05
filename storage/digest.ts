/** Digests of memory that is already there, taken so that nothing else waits for them. */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { throwIfCancelled } from './cancel.ts';

/** A fraction of a millisecond's work: a pipe's buffer lasts longer than that. */
const pieceBytes = 256 * 1024;

/**
 * Gives `bytes` to a digest piece by piece. In between the event loop turns: in one go, a part of 16 MiB stops every
 * pipe of the process for 20 ms, and the programs behind them run dry. `bytes` must not change until it settles.
 *
 * @returns the digest, which has all of them
 * @throws operation_cancelled
 *
 * @example (await digested(body, createHash('md5'))).digest('base64')
 */
export async function digested<T extends { update(piece: Uint8Array): unknown }>(
  bytes: Uint8Array,
  digest: T,
  signal?: AbortSignal,
): Promise<T> {
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    if (start > 0) await turn();
    throwIfCancelled(signal);
    digest.update(bytes.subarray(start, start + pieceBytes));
  }
  return digest;
}

/** SHA-256 in hex. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  return (await digested(bytes, createHash('sha256'))).digest('hex');
}
