/** What is to be replayed, and how far. */
import type { ArchivePoint, BinlogPoint } from '../../domain/archive/facts.ts';

/** A binlog as the server wrote it, or a part of one. */
export interface BinlogFile {
  /** What the source calls it. */
  name: string;
  /** Where it lies; the user of the server reads it there. */
  path: string;
  /**
   * Where what is needed of it begins, an event's first byte. Before it the file has its format description and the event
   * behind that, and a hole of zeros. Left out of a whole file.
   */
  from?: number;
  /** Another timeline begins with it: with what GTIDs, only its server knows. */
  branch?: boolean;
}

/** Where a replay ends: at a place between two transactions, or beside a transaction. */
export type ReplayStop = { at: BinlogPoint } | { after: string } | { before: string };

export interface ReplayOrder {
  /** In their order; the first is the one that `start` names. */
  files: readonly BinlogFile[];
  /** Where the copy stands. */
  start: ArchivePoint;
  stop: ReplayStop;
}

/** How the stop is called in a message. */
export function stopText(stop: ReplayStop): string {
  if ('at' in stop) return `${stop.at.file}:${stop.at.position}`;
  return 'after' in stop ? `the transaction ${stop.after}` : `just before the transaction ${stop.before}`;
}
