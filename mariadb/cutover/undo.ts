/**
 * Undoing a restore that succeeded: a restore in reverse. The server stops, it is looked once more whether it has
 * written since, and the replaced data goes back to where it was, under the journal of the restore.
 *
 * Until that look is over, an interruption leads back to the restored data; from there on, to the replaced one.
 */
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import {
  type KeptRestored,
  refuseWritten,
  type UndoInspection,
  type WrittenFate,
  type WrittenSince,
} from '../../domain/undo.ts';
import type { Log } from '../context.ts';
import { isMissing } from '../restore/files.ts';
import { readInPlace } from '../restore/in-place-record.ts';
import { isServing, isThere, stopServer } from '../server/lifecycle.ts';
import { abandonUndo } from './abandon-undo.ts';
import { raiseGuard } from './guard.ts';
import { identityOf } from './identity.ts';
import { listJournals, readJournal, writeJournal, type Journal } from './journal.ts';
import { rollBack, type OnStep } from './roll-back.ts';
import { settleOthers } from './settle.ts';
import { keptRestored, setAside } from './undone.ts';
import { writtenSince } from './written.ts';

export interface UndoPlace {
  server: ServerSettings;
  /** Of the server as it is now. */
  layout: Layout;
  stateDirectory: string;
  restoreId: number;
  /** The restore's: tells it from one of the same number. */
  workflowId: string;
}

export interface UndoOptions extends UndoPlace {
  /** The undo's own workflow: tells a repeated call from another undo. */
  undoId: string;
  /** Also when something was written since. */
  force: boolean;
  log: Log;
  /** Called once it is certain that the data is replaced. May be called again. */
  beforeMoves?: (() => Promise<void>) | undefined;
  /**
   * Called once the server is stopped, while its data is still where it was. May be called again.
   *
   * @returns whether all that its binlogs have is in the archive, or in the spool on its way there
   */
  saveTail: () => Promise<boolean>;
  onStep?: OnStep | undefined;
}

export interface UndoResult {
  /** For how long the server accepted no connections; left out where an agent was killed meanwhile. */
  notServingMs?: number;
  /** One that did not serve before the restore is stopped again. */
  serving: boolean;
  /** Left out where an agent was killed before it looked. */
  written?: WrittenFate;
  /** Left out where the restored data is not kept. */
  kept?: KeptRestored;
}

/**
 * Whether a restore can be undone, as far as can be seen while the server runs. Changes nothing.
 *
 * @throws undo_refused, previous_gone
 */
export async function inspectUndo(place: UndoPlace): Promise<UndoInspection> {
  const journal = await undoable(place);
  return {
    since: await changedSince(place.layout, journal),
    keptUntil: new Date(journal.keepUntil ?? 0).toISOString(),
    serving: await isServing(place.server),
  };
}

/**
 * Puts the replaced data back. The caller holds the server's lock. Called again with the same `undoId`, it goes on, or
 * repeats its answer.
 *
 * @throws undo_refused, previous_gone, written_since, server_stop_failed: the restored data goes on serving
 * @throws put_back_failed once the replaced data is on its way back: the next call goes on
 */
export async function undoRestore(options: UndoOptions): Promise<UndoResult> {
  const { stateDirectory, restoreId, workflowId, undoId, log } = options;
  await settleOthers(options, restoreId);
  const known = await readJournal(stateDirectory, restoreId);
  const own = known?.workflowId === workflowId && known.undoing?.workflowId === undoId;
  if (own && known.state === 'rolled_back') return await finish(options, known);
  const journal = own && known.state === 'open' ? known : await begin(options);
  // Whoever keeps the server running may have started it once more.
  const lookAgain = async (): Promise<WrittenFate> => (await lookOver(options, journal)).written;
  try {
    const done = await rollBack({ ...options, journal, lookOver: lookAgain });
    if (done.state !== 'rolled_back') throw refused(restoreId, 'a later restore has replaced its data since');
    log.info({ restoreId, undo: undoId }, 'The restore was undone.');
    return await finish(options, await recordTime(stateDirectory, done));
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'undo_refused') throw error;
    throw new TidemarkError(
      'put_back_failed',
      `What the restore had replaced could not be put back yet: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Stops the server and makes sure that nothing is lost unasked. @returns the journal from which on it goes back */
async function begin(options: UndoOptions): Promise<Journal> {
  const { server, layout, stateDirectory, restoreId, undoId, force, log } = options;
  const committed = await undoable(options);
  if (!force) refuseWritten(restoreId, await changedSince(layout, committed));
  const served = committed.undoing?.served ?? (await isThere(server));
  let journal: Journal = { ...committed, undoing: { workflowId: undoId, served } };
  await writeJournal(stateDirectory, journal);
  await options.onStep?.('before stop');
  try {
    const { notServingSince } = await stopServer(server, { fast: true, log });
    journal = { ...journal, undoing: { workflowId: undoId, served, notServingSince } };
    const { since, written } = await lookOver(options, committed);
    await options.onStep?.('after stop');
    if (!force) refuseWritten(restoreId, since);
    journal = { ...journal, undoing: { workflowId: undoId, served, notServingSince, written } };
    await options.beforeMoves?.();
    await raiseGuard(stateDirectory, restoreId);
  } catch (error) {
    await abandonUndo(journal, options);
    throw error;
  }
  const open: Journal = { ...journal, state: 'open' };
  await writeJournal(stateDirectory, open);
  await options.onStep?.('after reopen');
  return open;
}

/** Of a server that is stopped: what it has written since, and what becomes of that. Binlogs that are gone had anything. */
async function lookOver(
  { layout, saveTail }: UndoOptions,
  journal: Journal,
): Promise<{ since: WrittenSince; written: WrittenFate }> {
  const saved = await saveTail();
  const since = await changedSince(layout, journal).catch((error: unknown): WrittenSince => {
    return { written: 'unknown', reason: messageOf(error) };
  });
  if (since.written === 'no') return { since, written: 'nothing' };
  return { since, written: since.written === 'yes' && saved ? 'archived' : 'kept' };
}

/** The journal of a restore whose replaced data is there, and whose own data is what is live. */
async function undoable({ layout, stateDirectory, restoreId, workflowId }: UndoPlace): Promise<Journal> {
  const journal = await readJournal(stateDirectory, restoreId);
  if (journal?.workflowId !== workflowId)
    throw refused(restoreId, 'this host knows of nothing that it has replaced');
  if (journal.state !== 'committed') throw refused(restoreId, 'what it replaced was put back already');
  const later = await laterThan(stateDirectory, journal);
  if (later) throw refused(restoreId, `${later} has replaced its data since`);
  let gone = journal.previous !== 'kept';
  for (const member of journal.members) gone ||= !member.missing && (await isMissing(member.previous));
  if (gone) {
    throw new TidemarkError(
      'previous_gone',
      `What restore ${restoreId} replaced is no longer kept, so that it cannot be put back. Restore a backup of it instead.`,
    );
  }
  // A restore in place leaves no journal, and somebody may have replaced the data by hand.
  if (!(await isLost(layout)) && (await identityOf(dataDirectory(layout))) !== journal.newData)
    throw refused(restoreId, "the server's data is no longer what it put there");
  return journal;
}

/** Whether the server's data is not there any more, or without what every server has: a day on which an undo is wanted. */
async function isLost(layout: Layout): Promise<boolean> {
  return await isMissing(path.join(dataDirectory(layout), 'mysql'));
}

/** What is left of lost data may be anybody's, and its binlogs prove nothing. */
async function changedSince(layout: Layout, { binlog }: Journal): Promise<WrittenSince> {
  if (!(await isLost(layout))) return await writtenSince(layout, binlog);
  return { written: 'unknown', reason: `The data that it put into ${dataDirectory(layout)} is lost.` };
}

async function laterThan(stateDirectory: string, { committedAt = '' }: Journal): Promise<string | undefined> {
  if (await readInPlace(stateDirectory)) return 'a restore in place';
  const later = (await listJournals(stateDirectory)).find(
    (other) => other.state === 'committed' && (other.committedAt ?? '') > committedAt,
  );
  return later && `restore ${later.restoreId}`;
}

function refused(restoreId: number, reason: string): TidemarkError {
  return new TidemarkError('undo_refused', `Restore ${restoreId} cannot be undone: ${reason}.`);
}

async function recordTime(stateDirectory: string, journal: Journal): Promise<Journal> {
  const { undoing } = journal;
  if (undoing?.notServingSince === undefined || undoing.notServingMs !== undefined) return journal;
  const timed: Journal = {
    ...journal,
    undoing: { ...undoing, notServingMs: Date.now() - undoing.notServingSince },
  };
  await writeJournal(stateDirectory, timed);
  return timed;
}

/** What the restore had put there is set aside; nothing of it can fail the undo, and all may be repeated. */
async function finish({ server, stateDirectory, log }: UndoOptions, undone: Journal): Promise<UndoResult> {
  let journal = undone;
  try {
    journal = await setAside(stateDirectory, undone, Date.now());
  } catch (error) {
    const told = { restoreId: undone.restoreId, reason: messageOf(error) };
    log.warn(told, 'The data of an undone restore could not be set aside; the housekeeping tries again.');
  }
  const { notServingMs, written } = journal.undoing ?? {};
  const kept = await keptRestored(journal);
  return {
    ...(notServingMs !== undefined && { notServingMs }),
    serving: await isServing(server),
    ...(written !== undefined && { written }),
    ...(kept && { kept }),
  };
}
