/** Settling what an agent that was killed left in the middle of a cut-over. Needs nobody but this host. */
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { abandonUndo, forgetUndo } from './abandon-undo.ts';
import { beginsUndo, listOpenJournals, readJournal, writeJournal, type Journal } from './journal.ts';
import { rollBack, type OnStep, type RollBackOptions } from './roll-back.ts';

export interface SettleOptions {
  server: ServerSettings;
  stateDirectory: string;
  log: Log;
  onStep?: OnStep | undefined;
}

/**
 * Takes every open cut-over back: the old data is live again, and serves if it served. An undo of which nothing was moved
 * yet is given up: the restored data goes on. The caller holds the server's lock.
 * @returns how many there were
 * @throws what `rollBack` throws; the next call goes on
 */
export async function settleOpenJournals(options: SettleOptions): Promise<number> {
  const open = await openOnes(options.stateDirectory);
  for (const journal of open) await settle({ ...options, journal });
  return open.length;
}

/**
 * The same before another restore begins, which would otherwise stand on data that is to be taken back.
 *
 * Where the old data is back, or an undo is given up, and the server only does not start, the journal is closed: that
 * server may be just what the other restore is to mend.
 * @param own the restore that begins; its own journal is left to it
 * @throws cut_over_failed naming the restore that cannot be settled
 */
export async function settleOthers(options: SettleOptions, own?: number): Promise<void> {
  const { stateDirectory, log } = options;
  for (const journal of await openOnes(stateDirectory)) {
    const { restoreId } = journal;
    if (restoreId === own) continue;
    try {
      await settle({ ...options, journal });
    } catch (error) {
      const left = await readJournal(stateDirectory, restoreId);
      if (left && beginsUndo(left)) {
        log.warn(
          { restoreId, reason: messageOf(error) },
          'The restored data is there, but no server starts on it.',
        );
        await forgetUndo(left, stateDirectory);
        continue;
      }
      if (left?.undo !== 'start') {
        throw new TidemarkError(
          'cut_over_failed',
          `The cut-over of restore ${restoreId} was interrupted and could not be taken back: ${messageOf(error)} ` +
            'Mend that first: no other restore can begin before.',
          { cause: error },
        );
      }
      log.warn({ restoreId, reason: messageOf(error) }, 'The old data is back, but no server starts on it.');
      await writeJournal(stateDirectory, { ...left, state: 'rolled_back' });
    }
  }
}

async function settle(options: RollBackOptions): Promise<void> {
  if (beginsUndo(options.journal)) await abandonUndo(options.journal, options);
  else await rollBack(options);
}

/** The latest first: should there ever be two, it stands on what the earlier one did. Numbers do not tell the order. */
async function openOnes(stateDirectory: string): Promise<Journal[]> {
  const open = await listOpenJournals(stateDirectory);
  return open.sort((a, b) => (a.beganAt < b.beganAt ? 1 : -1));
}
