/** Taking a cut-over back from wherever it stands, in reverse. May be repeated from any point. */
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf } from '../../domain/errors.ts';
import type { WrittenFate } from '../../domain/undo.ts';
import type { Log } from '../context.ts';
import { inPlaceOpen, readInPlace, writeInPlace } from '../restore/in-place-record.ts';
import { isServing, startServer, stopServer } from '../server/lifecycle.ts';
import { readServerOptions } from '../server/options.ts';
import { connect, rowsOf } from '../server/sql.ts';
import { lowerGuard, raiseGuard } from './guard.ts';
import { listJournals, reached, writeJournal, type Journal, type UndoStep } from './journal.ts';
import { bringBack, takeOut } from './moves.ts';
import { forgetPrevious } from './previous.ts';

/** Called before and after each step: a test interrupts there. */
export type OnStep = (step: string) => void | Promise<void>;

export interface RollBackOptions {
  server: ServerSettings;
  stateDirectory: string;
  journal: Journal;
  log: Log;
  /** Called once the server is stopped, while its data is still where it was. */
  onStopped?: (() => Promise<unknown>) | undefined;
  /**
   * Of an undo, called then: what becomes of what was written since. Without it nobody looks, and the restored data is
   * kept, whatever it has: the server may have served since it was looked last.
   */
  lookOver?: (() => Promise<WrittenFate>) | undefined;
  onStep?: OnStep | undefined;
}

/**
 * Brings the old files back and, if the server served before, has it serve again. Until this returns the journal stays
 * open. A server that did not serve before is left stopped.
 *
 * Where a later restore has replaced the data since, what this one kept is older than what serves: the journal is
 * closed and nothing is moved.
 * @returns the closed journal
 * @throws server_stop_failed, server_start_failed, file system errors: all may pass, and the next call goes on
 */
export async function rollBack(options: RollBackOptions): Promise<Journal> {
  const { server, stateDirectory, log } = options;
  let { journal } = options;
  const later = await laterRestore(stateDirectory, journal);
  if (later) return await closeObsolete(options, later);
  const step = async (undo: UndoStep, work: () => Promise<void>): Promise<void> => {
    journal = { ...journal, undo };
    await writeJournal(stateDirectory, journal);
    await options.onStep?.(`before undo ${undo}`);
    await work();
    await options.onStep?.(`after undo ${undo}`);
  };

  // Once the old files are on their way back, the new ones are out; what is live then is old.
  const newIsOut = journal.undo === 'back' || journal.undo === 'start';
  // Of files that were moved already nothing can be told any more.
  const outBegun = journal.undo === 'out';
  if (reached(journal, 'stop') && !newIsOut) {
    await step('stop', async () => {
      await stopForRollBack(server, journal, log);
      await options.onStopped?.();
    });
    if (journal.undoing && !outBegun) {
      const written = options.lookOver ? await options.lookOver() : 'kept';
      journal = { ...journal, undoing: { ...journal.undoing, written } };
    }
  }
  if (reached(journal, 'in') && !newIsOut) {
    await step('out', async () => {
      await raiseGuard(stateDirectory, journal.restoreId);
      for (const member of journal.members.toReversed()) await takeOut(member);
    });
  }
  if (reached(journal, 'aside') && journal.undo !== 'start') {
    await step('back', async () => {
      await raiseGuard(stateDirectory, journal.restoreId);
      await reopenInPlace(stateDirectory, journal);
      for (const member of journal.members.toReversed()) await bringBack(member);
    });
  }
  // What a restore in place had half emptied is half empty again, and must not be started.
  const inPlace = await readInPlace(stateDirectory);
  const halfEmptied = !journal.served && inPlace?.emptied === true;
  if (!halfEmptied) await lowerGuard(stateDirectory);
  if (reached(journal, 'stop') && journal.served) await step('start', () => startServer(server, { log }));
  for (const member of journal.members) await forgetPrevious(member);
  journal = { ...journal, state: 'rolled_back' };
  await writeJournal(stateDirectory, journal);
  log.info(
    { restoreId: journal.restoreId, served: journal.served },
    'The data is as it was before the cut-over.',
  );
  if (halfEmptied) {
    log.warn(
      { restoreId: inPlace.restoreId },
      'That data is what a restore in place has left: the server stays stopped until a backup is restored to it.',
    );
  }
  return journal;
}

/**
 * The record of a restore in place, closed by the commit that is taken back, stands again before the data that it
 * speaks of is live. Data on which a server served does not need it.
 */
async function reopenInPlace(stateDirectory: string, { inPlace, served }: Journal): Promise<void> {
  if (!inPlace?.emptied || served) return;
  if (!(await inPlaceOpen(stateDirectory))) await writeInPlace(stateDirectory, inPlace);
}

/** The restore that replaced the data after this one did. */
async function laterRestore(stateDirectory: string, journal: Journal): Promise<Journal | undefined> {
  const since = journal.committedAt ?? journal.beganAt;
  const others = (await listJournals(stateDirectory)).filter(
    (other) => other.restoreId !== journal.restoreId,
  );
  return others.find((other) => other.state === 'committed' && (other.committedAt ?? '') > since);
}

async function closeObsolete(
  { stateDirectory, journal, log }: RollBackOptions,
  later: Journal,
): Promise<Journal> {
  const kept = journal.members.map((member) => member.previous);
  log.warn(
    { restoreId: journal.restoreId, later: later.restoreId, kept },
    'A cut-over that was interrupted is not taken back: a later restore has replaced the data since.',
  );
  const closed: Journal = { ...journal, state: 'obsolete' };
  await writeJournal(stateDirectory, closed);
  return closed;
}

/**
 * A stop that was under way is completed: a server that is about to end would pass for one that serves. One that
 * cannot be stopped, and nothing was moved yet, goes on.
 */
async function stopForRollBack(server: ServerSettings, journal: Journal, log: Log): Promise<void> {
  try {
    await stopServer(server, { log });
  } catch (error) {
    if (reached(journal, 'aside') || !(await isServing(server))) throw error;
    log.warn({ reason: messageOf(error) }, 'The server was not stopped, and goes on serving.');
    await resetFlushing(server);
  }
}

/** A fast stop has changed these on the running server; its option files have the right values. */
export async function resetFlushing(server: ServerSettings): Promise<void> {
  const options = await readServerOptions(server);
  await using connection = await connect(server);
  for (const name of [
    'innodb_max_dirty_pages_pct',
    'innodb_max_dirty_pages_pct_lwm',
    'innodb_fast_shutdown',
  ]) {
    await rowsOf(connection, `SET GLOBAL ${name} = ?`, [Number(options.get(name))]);
  }
}
