/** The faults of a hostile network: one of each, and some drawn by a seed. */
import type { Fault } from './hostile-proxy.ts';

/** One fault of each kind, with a name for a test's title. Nothing here takes longer than `late` and `never` do. */
export const faults: readonly { name: string; fault: Fault }[] = [
  { name: '500', fault: { kind: 'status', status: 500 } },
  { name: '503 with Retry-After', fault: { kind: 'status', status: 503, retryAfterSeconds: 1 } },
  { name: '429 with Retry-After', fault: { kind: 'status', status: 429, retryAfterSeconds: 1 } },
  { name: 'a reset at once', fault: { kind: 'reset-upload', afterBytes: 0 } },
  { name: 'a reset in the middle of the request', fault: { kind: 'reset-upload', afterBytes: 30_000 } },
  { name: 'a reset in the middle of the answer', fault: { kind: 'reset-download', afterBytes: 30_000 } },
  { name: 'an answer cut off under a complete header', fault: { kind: 'truncate', afterBytes: 30_000 } },
  { name: 'an answer that stops in the middle', fault: { kind: 'stall', afterBytes: 30_000 } },
  { name: 'a late answer', fault: { kind: 'late', ms: 300 } },
  { name: 'no answer ever', fault: { kind: 'never' } },
  { name: 'a flipped byte in the request', fault: { kind: 'flip-upload', at: 0.7 } },
  { name: 'a flipped byte in the answer', fault: { kind: 'flip-download', at: 0.5 } },
  { name: 'a lost answer', fault: { kind: 'lose-answer' } },
];

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomBelow(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the faults, its place in the body drawn as well. */
export function drawFault(next: () => number): Fault {
  const { fault } = faults[Math.floor(next() * faults.length)] ?? {};
  if (!fault) throw new Error('there is a fault for every number below 1');
  if ('afterBytes' in fault) return { ...fault, afterBytes: Math.floor(next() * 60_000) };
  if ('at' in fault) return { ...fault, at: next() };
  return fault;
}
