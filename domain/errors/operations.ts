/** A process that does not start, and an operation that does not end as it should. */
import { entry, type ErrorEntry } from './entry.ts';

export const operationErrors = {
  invalid_setting: entry(
    500,
    false,
    'A setting is unknown or has a wrong value; the process did not start.',
    'The message names the setting, its value and what is allowed.',
  ),
  operation_stalled: entry(
    409,
    true,
    'The operation made no progress for longer than `stall_timeout`.',
    'Look what holds the server or the store up; the message names the phase.',
  ),
  operation_cancelled: entry(
    409,
    false,
    'The operation was cancelled.',
    'Nothing; ask again if it is still wanted.',
  ),
  operation_lost: entry(
    409,
    false,
    "The operation's workflow ended without saying so: it was terminated, or ran out of attempts.",
    "Look at the workflow in Temporal's web UI, then ask again.",
  ),
} as const satisfies Record<string, ErrorEntry>;
