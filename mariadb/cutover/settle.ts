/** Settling what an agent that was killed left in the middle of a cut-over. Needs nobody but this host. */
import type { ServerSettings } from '../../config/agent.ts';
import type { Log } from '../context.ts';
import { listOpenJournals } from './journal.ts';
import { rollBack, type OnStep } from './roll-back.ts';

/**
 * Takes every open cut-over back: the old data is live again, and serves if it served. The caller holds the server's
 * lock.
 * @returns how many there were
 * @throws what `rollBack` throws; the next call goes on
 */
export async function settleOpenJournals(options: {
  server: ServerSettings;
  stateDirectory: string;
  log: Log;
  onStep?: OnStep;
}): Promise<number> {
  const open = await listOpenJournals(options.stateDirectory);
  // Should there ever be two, the later one stands on what the earlier one did.
  for (const journal of open.toReversed()) await rollBack({ ...options, journal });
  return open.length;
}
