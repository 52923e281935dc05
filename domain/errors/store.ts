/** The object store. */
import { entry, type ErrorEntry } from './entry.ts';

export const storeErrors = {
  object_missing: entry(
    409,
    false,
    'An object of the backup is not in the store.',
    'The message names it; restore another backup.',
  ),
  object_damaged: entry(
    409,
    false,
    'An object of the backup does not have the digest that its manifest records.',
    'The message names object, expected and found; restore another backup.',
  ),
  object_exists: entry(
    409,
    false,
    'An object of this name exists already with other content.',
    'Objects are never overwritten; look who else writes to this place.',
  ),
  storage_full: entry(
    409,
    false,
    'The object store has no room left.',
    'Free space in the store that the message names.',
  ),
  storage_unavailable: entry(
    503,
    true,
    'The object store does not answer, or refuses the request.',
    'See that the location in the settings exists and can be written to.',
  ),
  storage_mismatch: entry(
    409,
    false,
    'The agent and the control worker do not see the same store.',
    'Give both the same storage location; a local directory has to be shared.',
  ),
} as const satisfies Record<string, ErrorEntry>;
