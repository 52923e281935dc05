/** The digest of memory that is already there, taken so that nothing else waits for it. */
import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';

/** A fraction of a millisecond's work: a pipe's buffer lasts longer than that. */
const pieceBytes = 256 * 1024;

/**
 * SHA-256 in hex. Between its pieces the event loop turns: hashed in one go, a part of 16 MiB stops every pipe of the
 * process for 20 ms, and the programs behind them run dry. `bytes` must not change until it resolves.
 */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  await absorb(hash, bytes);
  return hash.digest('hex');
}

/** As {@link sha256Of}, for bytes that come one after the other. */
export async function absorb(hash: Hash, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    if (start > 0) await turn();
    hash.update(bytes.subarray(start, start + pieceBytes));
  }
}
