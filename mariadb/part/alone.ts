/** The statement of an agent that died may still wait in the server for its locks, and be carried out once it has them. */
import { TidemarkError } from '../../domain/errors.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import type { PartRecord } from './record.ts';

/** Beyond what a statement waits for a lock. */
const graceMs = 10_000;

/**
 * From here on this session alone has tables change places, or looks whether they have: one of before has ended, and with
 * it its last statement. The server takes the right back when the session ends.
 *
 * @param lockWaitMs how long a statement waits
 * @throws host_busy while a session of before still works on it
 */
export async function becomeAlone(
  live: Connection,
  { databases }: Pick<PartRecord, 'databases'>,
  lockWaitMs: number,
): Promise<void> {
  const [first] = databases;
  if (!first) return;
  const seconds = Math.ceil((lockWaitMs + graceMs) / 1000);
  // The name is the restore's own, also among those of other catalogs.
  const [row] = await rowsOf<{ mine: number | null }>(live, 'SELECT GET_LOCK(?, ?) AS mine', [
    first.scratch,
    seconds,
  ]);
  if (Number(row?.mine ?? 0) === 1) return;
  throw new TidemarkError(
    'host_busy',
    'A statement of an earlier attempt still waits in the server, or is carried out there: see SHOW PROCESSLIST.',
  );
}
