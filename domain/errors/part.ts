/** Part of a backup that is brought back into a running server. */
import { entry, type ErrorEntry } from './entry.ts';

export const partErrors = {
  part_not_found: entry(
    409,
    false,
    'What `include` names is not in the backup.',
    'The message lists what is there. Name one of those, or choose another backup or point in time.',
  ),
  part_conflict: entry(
    409,
    false,
    'Something on the running server stands in the way of a part of a backup.',
    'Do what the message says, or bring the part back beside what is there, with `as`. Nothing was changed.',
  ),
  part_locked: entry(
    409,
    false,
    'Others worked on the tables that were to be replaced, for too long.',
    'Look at SHOW PROCESSLIST, end what holds the tables and order the restore again; `restore.part_give_up_after` is how long it tries. Nothing was changed.',
  ),
} as const satisfies Record<string, ErrorEntry>;
