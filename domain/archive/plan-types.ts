/** What a recovery is asked for, and what the plan of one says. */
import type { ArchivePoint, BinlogPoint } from './facts.ts';

export type RecoveryTarget = (
  | { time: string }
  /** Just after it, or just before. */
  | { gtid: string; before?: boolean }
  | { latest: true }
  /** A place between two transactions of the timeline that is named beside it. */
  | { place: BinlogPoint }
) & {
  /** Where it is not on the current timeline or one of its ancestors. */
  timeline?: string | undefined;
  /** The backup to begin with, in place of the one that makes it shortest. */
  backupId?: string | undefined;
};

/** Binlogs of one timeline: from a place on, and not beyond another. */
export interface BinlogRange {
  timeline: string;
  from: BinlogPoint;
  to: BinlogPoint;
}

export type RecoveryStop =
  /** The own instant of the backup: nothing is replayed. */
  | { at: 'backup' }
  /** The end of the last range. */
  | { at: 'end'; gtid: ArchivePoint['gtid'] }
  /** In the last range, at the first sample of the commit clock that is no earlier; at its end where there is none. */
  | { at: 'time'; time: string }
  | { at: 'gtid'; gtid: string; before: boolean };

/** Instants have six digits of a second. */
export interface RecoveryPlan {
  /** Left out for a backup that is on no known timeline. */
  timeline?: string;
  /** From the full on, or a dump alone. */
  chain: string[];
  /** In the order of their replay, those of ancestors first. */
  ranges: BinlogRange[];
  stop: RecoveryStop;
  /** Up to when it brings back what was confirmed; left out for a transaction, whose instant nobody knows yet. */
  time?: string;
  /** About how long it takes. */
  seconds: number;
  /** The backup that would have been the next best to begin with. */
  next?: { backupId: string; seconds: number };
}

export interface RecoveryRefusal {
  /** Why, a sentence. */
  refused: string;
  /** The nearest instants that can be had instead. */
  before?: string;
  after?: string;
  /** Other timelines that have what was asked for. */
  timelines: string[];
}
