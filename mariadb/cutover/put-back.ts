/** Undoing whatever a restore did to a server: the compensation of its workflow. */
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Log } from '../context.ts';
import { forgetRestoreOf } from '../follow/restored.ts';
import { isMissing, removeIfEmpty } from '../restore/files.ts';
import { closeInPlace, readInPlace } from '../restore/in-place-record.ts';
import { removeStaging, stagingFor } from '../restore/staging.ts';
import { isServing, startServer } from '../server/lifecycle.ts';
import { listJournals, readJournal, removeJournal, writeJournal, type Journal } from './journal.ts';
import { rollBack } from './roll-back.ts';

export interface PutBackOptions {
  server: ServerSettings;
  stateDirectory: string;
  restoreId: number;
  /** Tells the restore from one of the same number. */
  workflowId: string;
  /** The layout that the restore worked with; without it, the staging area is found by the journal alone. */
  layout?: Layout | undefined;
  log: Log;
  /** Called once the server is stopped, while its data is still where it was. */
  onStopped?: (() => Promise<unknown>) | undefined;
}

/**
 * Brings the data that was there before the restore back, from any state, removes what was materialized, and has the
 * server serve again if it served. Where nothing was done, nothing happens. The caller holds the server's lock and
 * has ended the operation's processes.
 *
 * A restore in place that has emptied the data cannot be undone: the server stays stopped, and `emptied` says so.
 * @throws previous_gone when the replaced data is not kept any more; server_start_failed, server_stop_failed
 */
export async function putBack(options: PutBackOptions): Promise<{ serving: boolean; emptied: boolean }> {
  const { server, stateDirectory, restoreId, layout, log } = options;
  let journal = await ownJournal(options);
  if (journal?.state === 'committed') journal = await reopen(stateDirectory, journal);
  if (journal?.state === 'open') journal = await rollBack({ ...options, journal });
  if (journal?.served === true) await startServer(server, { log });

  const inPlace = await readInPlace(stateDirectory);
  const own = inPlace?.restoreId === restoreId;
  if (own && !inPlace.emptied) {
    await forgetRestoreOf(stateDirectory, options.workflowId);
    if (inPlace.served) await startServer(server, { log });
    await closeInPlace(stateDirectory);
  }

  const members = layout ? stagingFor(layout, restoreId).members : (journal?.members ?? []);
  await removeStaging({ members });
  for (const member of journal?.members ?? []) if (member.missing) await removeIfEmpty(member.live);
  if (journal) await removeJournal(stateDirectory, restoreId);
  return { serving: await isServing(server), emptied: own && inPlace.emptied };
}

/**
 * The journal of this very restore. One of the same number, and one whose data a later restore has replaced since,
 * must not be touched: what it kept is older than what serves.
 */
async function ownJournal({
  stateDirectory,
  restoreId,
  workflowId,
  log,
}: PutBackOptions): Promise<Journal | undefined> {
  const journal = await readJournal(stateDirectory, restoreId);
  if (journal?.workflowId !== workflowId) return undefined;
  const { committedAt } = journal;
  if (journal.state !== 'committed' || committedAt === undefined) return journal;
  const later = (await listJournals(stateDirectory)).find(
    (other) => other.state === 'committed' && (other.committedAt ?? '') > committedAt,
  );
  if (!later) return journal;
  log.warn(
    { restoreId, later: later.restoreId },
    'A later restore has replaced the data; nothing is put back.',
  );
  return undefined;
}

/** From here on an interruption leads back, too. */
async function reopen(stateDirectory: string, committed: Journal): Promise<Journal> {
  let gone = committed.previous !== 'kept';
  for (const member of committed.members) gone ||= !member.missing && (await isMissing(member.previous));
  if (gone) {
    throw new TidemarkError(
      'previous_gone',
      `What restore ${committed.restoreId} replaced is no longer kept, so that it cannot be put back. ` +
        'Restore a backup of it instead.',
    );
  }
  const journal: Journal = { ...committed, state: 'open' };
  await writeJournal(stateDirectory, journal);
  return journal;
}
