/** Backups that Tidemark did not make. */
import { entry, type ErrorEntry } from './entry.ts';

export const foreignErrors = {
  source_missing: entry(
    409,
    false,
    'There is nothing at the place that `external_source` and `id` name.',
    'List the bucket: `id` is the path of the object in it, or of the folder with its files.',
  ),
  source_no_backup: entry(
    409,
    false,
    'What lies at the place that `external_source` and `id` name is no backup that can be restored.',
    'The message says what was found, and what is wanted: see [foreign-backups.md](foreign-backups.md).',
  ),
  source_damaged: entry(
    409,
    false,
    'A backup that was made elsewhere is cut short or damaged.',
    'Compare it with what was uploaded, and restore another one. The server was not touched.',
  ),
  source_changed: entry(
    409,
    false,
    'A backup that was made elsewhere was replaced, or written to, after it was looked at.',
    'See that nobody writes to it, and order the restore again: what is there now is looked at anew.',
  ),
  source_unsafe: entry(
    409,
    false,
    'A backup that was made elsewhere has something in it that would reach out of its own folder, or of its own databases.',
    'The message names it. Make the backup again without it; the server was not touched.',
  ),
  source_too_large: entry(
    409,
    false,
    'A backup that was made elsewhere comes to more than there is room for, or than `restore.foreign_size` allows.',
    'Free the room that the message names, or raise the setting of the agent.',
  ),
  source_key_wrong: entry(
    409,
    false,
    'A backup that was made elsewhere is encrypted, and `encryption_key` is missing or does not open it.',
    'Give the passphrase, or the age identity, that it was encrypted for as `encryption_key`.',
  ),
} as const satisfies Record<string, ErrorEntry>;
