/** The rules by which a restore is undone: the data that it replaced goes back to where it was. */
import { TidemarkError } from './errors.ts';

/** Whether a server has changed its data since a restore, as its binlogs tell. */
export type WrittenSince =
  | { written: 'no' }
  /** The first transaction after the restore, and when it began. */
  | { written: 'yes'; gtid: string; at: string }
  /** A sentence on why nobody can tell. */
  | { written: 'unknown'; reason: string };

/** What the host says before a restore is undone. */
export interface UndoInspection {
  since: WrittenSince;
  /** When the replaced data is removed at the latest. */
  keptUntil: string;
  /** Whether the server serves now. */
  serving: boolean;
}

/** @throws written_since where undoing would lose something, or nobody knows that it does not */
export function refuseWritten(restoreId: number, since: WrittenSince): void {
  if (since.written === 'no') return;
  const found =
    since.written === 'yes'
      ? `Something was written since restore ${restoreId}: the first is transaction ${since.gtid}, of ${since.at}.`
      : `Whether something was written since restore ${restoreId} cannot be told: ${since.reason}`;
  throw new TidemarkError(
    'written_since',
    `${found} With force=true it is undone all the same: what was written is then no longer on the server; what ` +
      'of it was archived can be restored, as the timeline that began with the restore.',
  );
}
