/** Archived binlogs that are replayed onto a copy. */
import { entry, type ErrorEntry } from './entry.ts';

export const replayErrors = {
  outside_window: entry(
    400,
    false,
    'What a restore should go to cannot be had: no backup and the binlogs after it lead there.',
    'Choose one of the instants that the message names, or look at the recovery window of the service: GET /services/{id}/recovery-window.',
  ),
  binlog_gap: entry(
    409,
    false,
    'Binlogs that should follow one another do not: transactions between them are missing.',
    'The message names the place. Restore to an instant or a transaction before it, or from a backup behind it.',
  ),
  target_not_found: entry(
    409,
    false,
    'The transaction, or the position, that a restore should go to is not in the binlogs.',
    'Name one that is in them: the recovery window of the service tells how far they go.',
  ),
  replay_failed: entry(
    409,
    false,
    'The private server could not replay the binlogs, or did not come to where they end.',
    'The message names the transaction and the number of the error of MariaDB. Restore to just before it. Side by side, the target was not touched; in place, the message of the restore says what became of the old data.',
  ),
} as const satisfies Record<string, ErrorEntry>;
