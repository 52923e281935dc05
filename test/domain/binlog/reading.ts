/** Reads a binlog for a test, in pieces, to its end or to what is wrong with it. */
import { BinlogDamage } from '../../../domain/binlog/damage.ts';
import type { BinlogEvent } from '../../../domain/binlog/events.ts';
import { type BinlogEnd, BinlogReader, type ReaderOptions } from '../../../domain/binlog/reader.ts';

export interface Reading {
  events: BinlogEvent[];
  end: BinlogEnd;
  damage: Pick<BinlogDamage, 'fault' | 'position'> | undefined;
}

/**
 * @param cuts where the pieces end. Each piece is overwritten once it was read, as a buffer that is used again would be.
 * @throws whatever the reader throws that is no damage
 */
export function readAll(bytes: Uint8Array, cuts: readonly number[] = [], options?: ReaderOptions): Reading {
  const reader = new BinlogReader(options);
  const events: BinlogEvent[] = [];
  let damage: Reading['damage'];
  let from = 0;
  for (const to of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    const piece = Uint8Array.from(bytes.subarray(from, to));
    try {
      reader.read(piece, (event) => events.push(event));
    } catch (error) {
      if (!(error instanceof BinlogDamage)) throw error;
      damage = { fault: error.fault, position: error.position };
      break;
    }
    piece.fill(0xa5);
    from = to;
  }
  return { events, end: reader.end(), damage };
}

/** Whether it was read as a file that is closed, with nothing wrong and nothing missing. */
export function isWhole({ end, damage }: Reading): boolean {
  return damage === undefined && end.torn === undefined && end.closed !== undefined;
}
