/** The rules by which a restore is undone: the data that it replaced goes back to where it was. */
import { TidemarkError } from './errors.ts';

/** Whether a server has changed its data since a restore, as its binlogs tell. */
export type WrittenSince =
  | { written: 'no' }
  /** The first transaction after the restore, and when it began. */
  | { written: 'yes'; gtid: string; at: string }
  /** A sentence on why nobody can tell. */
  | { written: 'unknown'; reason: string };

export const writtenFates = ['nothing', 'archived', 'kept', 'lost'] as const;
/**
 * What becomes of what was written between a restore and its undoing: nothing was; it is archived, or on its way there
 * from the agent's spool; it is not; it is not, and nothing was left of the restored data. That data is kept but in the
 * first case and the last.
 */
export type WrittenFate = (typeof writtenFates)[number];

/** Where restored data is kept that may have what the archive has not. */
export interface KeptRestored {
  directories: string[];
  /** When it is removed at the latest. */
  until: string;
}

/** A sentence for whoever has undone a restore; empty where there is nothing to say. */
export function fateSentence(fate: WrittenFate | undefined, kept: KeptRestored | undefined): string {
  switch (fate) {
    case 'archived':
      return [
        'What was written since the restore is archived, as the timeline that began with it, or waits for that in the',
        "agent's spool.",
        ...(kept
          ? [`In case it does not come so far, the data that was restored is kept ${whereIs(kept)}`]
          : []),
      ].join(' ');
    case 'kept':
      return (
        'What was written since the restore is not known to be in the archive as a whole: the data that was restored is ' +
        `kept ${kept ? whereIs(kept) : 'for a while.'}`
      );
    case 'lost':
      return (
        'What was written since the restore is not known to be in the archive as a whole, and of the data that was ' +
        'restored nothing was left to keep.'
      );
    default:
      return '';
  }
}

function whereIs({ until, directories }: KeptRestored): string {
  return `until ${until}, where there is room for so long, in ${directories.join(', ')}.`;
}

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
    `${found} With force=true it is undone all the same: what was written is then no longer on the server; ` +
      'as far as it was archived it can be restored, as the timeline that began with the restore, and the restored data ' +
      'is kept for a while.',
  );
}
