/** Settling what an agent that was killed left in the middle of a cut-over. Needs nobody but this host. */
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { listOpenJournals, type Journal } from './journal.ts';
import { rollBack, type OnStep } from './roll-back.ts';

export interface SettleOptions {
  server: ServerSettings;
  stateDirectory: string;
  log: Log;
  onStep?: OnStep | undefined;
}

/**
 * Takes every open cut-over back: the old data is live again, and serves if it served. The caller holds the server's
 * lock.
 * @returns how many there were
 * @throws what `rollBack` throws; the next call goes on
 */
export async function settleOpenJournals(options: SettleOptions): Promise<number> {
  const open = await openOnes(options.stateDirectory);
  for (const journal of open) await rollBack({ ...options, journal });
  return open.length;
}

/**
 * The same before another restore begins, which would otherwise stand on data that is to be taken back.
 * @throws cut_over_failed naming the restore that cannot be settled
 */
export async function settleOthers(options: SettleOptions, restoreId: number): Promise<void> {
  for (const journal of await openOnes(options.stateDirectory)) {
    if (journal.restoreId === restoreId) continue;
    try {
      await rollBack({ ...options, journal });
    } catch (error) {
      throw new TidemarkError(
        'cut_over_failed',
        `The cut-over of restore ${journal.restoreId} was interrupted and could not be taken back: ` +
          `${messageOf(error)} Mend that first: no other restore can begin before.`,
        { cause: error },
      );
    }
  }
}

/** The latest first: should there ever be two, it stands on what the earlier one did. Numbers do not tell the order. */
async function openOnes(stateDirectory: string): Promise<Journal[]> {
  const open = await listOpenJournals(stateDirectory);
  return open.sort((a, b) => (a.beganAt < b.beganAt ? 1 : -1));
}
