/** What a file says of itself that an object is told by. */
import type { BigIntStats } from 'node:fs';
import type { ObjectState } from '../store.ts';

/** A file that is replaced is another one; one that is written to has another time, or size. */
export function stateOf({ size, ino, mtimeNs }: BigIntStats): ObjectState {
  return { bytes: Number(size), ...(size > 0n && { version: `${ino}-${mtimeNs}-${size}` }) };
}
