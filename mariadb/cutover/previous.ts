/**
 * The data that a restore replaced: kept for a while, so that it can be put back, and then removed; and what an undone
 * restore had put there, where it is kept. What goes is marked first, and then removed: that may take its time.
 */
import { rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { KeptData } from '../../domain/kept-data.ts';
import type { Log } from '../context.ts';
import { isMissing } from '../restore/files.ts';
import { freeBytes, usedBytes } from '../restore/room.ts';
import { removeEmptyFolders, removeStaging, type StagedMember, undoneFolder } from '../restore/staging.ts';
import { listJournals, readJournal, removeJournal, writeJournal, type Journal } from './journal.ts';
import { setAside } from './undone.ts';

/**
 * What was replaced stays so long after the commit, however short the room: until the restore is recorded it may still
 * be cancelled, and an agent or Temporal may be away for some minutes in between.
 */
const leastKeptMs = 10 * 60_000;

/** How long the journal of a restore whose replaced data is gone stays, for whoever asks what happened. */
const journalKeptMs = 7 * 24 * 3_600_000;

const noteOf = (member: StagedMember): string => path.join(path.dirname(member.previous), 'previous.json');

/** Says, beside the kept data, what it is: for whoever finds it. The journal is what counts. */
export async function describePrevious(journal: Journal): Promise<void> {
  for (const member of journal.members) {
    if (await isMissing(path.dirname(member.previous))) continue;
    const note = {
      what: `What restore ${journal.restoreId} replaced.`,
      replacedAt: journal.committedAt,
      keepUntil: new Date(journal.keepUntil ?? 0).toISOString(),
      was: journal.members.filter(({ folder }) => folder === member.folder).map(({ live }) => live),
    };
    await writeFile(noteOf(member), `${JSON.stringify(note, undefined, 2)}\n`, { mode: 0o600 });
  }
}

/** Removes what was said of the kept data, once it is back in its place. */
export async function forgetPrevious(member: StagedMember): Promise<void> {
  await rm(noteOf(member), { force: true });
  await removeEmptyFolders(member);
}

/** The restores, by their workflows, of which what they replaced was removed. */
export async function removedPrevious(stateDirectory: string): Promise<string[]> {
  return (await listJournals(stateDirectory))
    .filter(
      ({ state, previous }) => state === 'committed' && (previous === 'removing' || previous === 'removed'),
    )
    .map(({ workflowId }) => workflowId);
}

export interface ExpiryOptions {
  stateDirectory: string;
  /** With less than this free on its file system, replaced data goes before its time, but not at once. */
  minFreeBytes: number;
  /** Of work that goes on and gives its room back when it is short: on its file system nothing goes before its time. */
  givingBack?: string;
  /** Restores of which something could not be removed, and is tried again: it gives no room. `removeMarked` keeps it. */
  stuck?: Set<number>;
  /** Milliseconds since 1970. */
  now: number;
  log: Log;
}

type RemovalOptions = Pick<ExpiryOptions, 'stateDirectory' | 'stuck' | 'log'> & {
  locked: (work: () => Promise<void>) => Promise<void>;
};

/**
 * Marks what is to be removed: whatever has had its time, and, where room is short, the oldest. The caller holds the
 * server's lock.
 *
 * @returns of how many restores something waits to be removed
 */
export async function markExpired(options: ExpiryOptions): Promise<number> {
  const { stateDirectory, stuck, now, log } = options;
  const journals: Journal[] = [];
  for (const found of await listJournals(stateDirectory)) {
    let journal = found;
    if (isOver(journal, now)) await removeJournal(stateDirectory, journal.restoreId);
    // Of an undo that was interrupted.
    else if (isUndone(journal)) {
      try {
        journal = await setAside(stateDirectory, journal, now);
      } catch (error) {
        const told = { restoreId: journal.restoreId, reason: messageOf(error) };
        log.error(told, 'The data of an undone restore could not be set aside; trying again.');
      }
    }
    journals.push(journal);
  }
  let waiting = journals.filter((journal) => waits(journal) && !stuck?.has(journal.restoreId)).length;
  const mark = async (journal: Journal): Promise<void> => {
    const { restored } = journal;
    // What could not be removed at the end of the restore.
    if (!restored) {
      await removeStaging(journal).catch((error: unknown) => {
        const told = { restoreId: journal.restoreId, reason: messageOf(error) };
        log.error(told, 'What a restore had materialized could not be removed.');
      });
    }
    await writeJournal(stateDirectory, {
      ...journal,
      ...(restored
        ? { restored: { ...restored, fate: 'removing' as const } }
        : { previous: 'removing' as const }),
    });
    waiting += 1;
  };
  const kept = journals.map((journal) => ({ journal, kept: keptOf(journal) })).filter((one) => one.kept);
  for (const { journal, kept: { until } = { until: 0 } } of kept) if (now >= until) await mark(journal);
  // What waits may give room enough.
  if (waiting > 0) return waiting;
  for (const { journal, kept: place } of kept) {
    if (!place || now - place.since < leastKeptMs || !(await isShort(place.folders, options))) continue;
    log.info(
      { restoreId: journal.restoreId },
      'Room is short: what a restore has kept goes before its time.',
    );
    await mark(journal);
    break;
  }
  return waiting;
}

/**
 * Removes what is marked. Nobody looks at it any more: others may work on the server meanwhile. What cannot be removed is
 * told, and keeps nothing else.
 *
 * @param locked does something under the server's lock: what is quick
 * @returns the restores whose replaced data was removed
 * @throws host_busy
 */
export async function removeMarked({
  stateDirectory,
  stuck,
  log,
  locked,
}: RemovalOptions): Promise<number[]> {
  const removed: number[] = [];
  for (const journal of await listJournals(stateDirectory)) {
    if (!waits(journal)) continue;
    const { restoreId, restored } = journal;
    const what = restored
      ? 'the data of a restore that was undone'
      : 'the data that the restore had replaced';
    try {
      await removeOf(journal, stateDirectory, locked);
    } catch (error) {
      // Somebody works on the server; it is no matter of this data.
      if (error instanceof TidemarkError && error.code === 'host_busy') throw error;
      if (!stuck?.has(restoreId)) {
        const told = { restoreId, reason: messageOf(error) };
        log.error(told, `Not removed: ${what}. It is tried again and again.`);
      }
      stuck?.add(restoreId);
      continue;
    }
    stuck?.delete(restoreId);
    log.info({ restoreId }, `Removed ${what}.`);
    if (!restored) removed.push(restoreId);
  }
  return removed;
}

async function removeOf(
  journal: Journal,
  stateDirectory: string,
  locked: RemovalOptions['locked'],
): Promise<void> {
  const { members, restored } = journal;
  for (const member of members) {
    const folder = restored ? undoneFolder(member) : path.dirname(member.previous);
    await rm(folder, { recursive: true, force: true });
  }
  await locked(async () => {
    for (const member of members) await removeEmptyFolders(member);
    await closeRemoved(stateDirectory, journal);
  });
}

async function closeRemoved(stateDirectory: string, { restoreId, workflowId }: Journal): Promise<void> {
  const journal = await readJournal(stateDirectory, restoreId);
  if (journal?.workflowId !== workflowId || !waits(journal)) return;
  const { restored } = journal;
  const removed = 'removed' as const;
  await writeJournal(stateDirectory, {
    ...journal,
    ...(restored ? { restored: { ...restored, fate: removed } } : { previous: removed }),
  });
}

const isUndone = ({ state, undoing }: Journal): boolean => state === 'rolled_back' && undoing !== undefined;

/** Whether something is marked and not removed. Half-removed data must never be put back. */
function waits(journal: Journal): boolean {
  if (isUndone(journal)) return journal.restored?.fate === 'removing';
  return journal.state === 'committed' && journal.previous === 'removing';
}

/** Nothing is left of it but the journal, which stays for whoever asks what happened. */
function isOver(journal: Journal, now: number): boolean {
  if (now - Date.parse(journal.committedAt ?? '') <= journalKeptMs) return false;
  if (isUndone(journal)) return journal.restored?.fate === 'removed';
  return journal.state === 'committed' && journal.previous === 'removed';
}

interface Kept {
  folders: string[];
  /** Milliseconds since 1970. */
  since: number;
  until: number;
}

function keptOf(journal: Journal): Kept | undefined {
  const { members, restored, state, previous, committedAt = '', keepUntil = 0 } = journal;
  if (isUndone(journal)) {
    if (restored?.fate !== 'kept') return undefined;
    return { folders: members.map(undoneFolder), since: restored.since, until: restored.keepUntil };
  }
  if (state !== 'committed' || previous !== 'kept') return undefined;
  const since = Date.parse(committedAt);
  // Not within the time in which the restore itself may still be taken back.
  return {
    folders: members.map((member) => member.previous),
    since,
    until: Math.max(keepUntil, since + leastKeptMs),
  };
}

/** What is kept beside the server's data, and takes room on its file system; the oldest restore first. */
export async function keptData(stateDirectory: string): Promise<KeptData[]> {
  const found: KeptData[] = [];
  for (const journal of await listJournals(stateDirectory)) {
    const kept = keptOf(journal);
    const member = journal.members.find(({ kind }) => kind === 'data');
    if (!kept || !member) continue;
    const directory = journal.restored ? undoneFolder(member) : path.dirname(member.previous);
    const bytes = await usedBytes(directory);
    if (bytes === 0) continue;
    const until = new Date(kept.until).toISOString();
    const what = journal.restored ? ('restored' as const) : ('replaced' as const);
    found.push({ restoreId: journal.restoreId, what, directory, bytes, until });
  }
  return found;
}

async function isShort(
  folders: readonly string[],
  { minFreeBytes, givingBack }: ExpiryOptions,
): Promise<boolean> {
  const spared = await deviceOf(givingBack);
  for (const folder of folders) {
    const device = await deviceOf(folder);
    if (device === undefined || device === spared) continue;
    if ((await freeBytes(folder)) < minFreeBytes) return true;
  }
  return false;
}

/** The file system of what is there. */
async function deviceOf(file: string | undefined): Promise<number | undefined> {
  return file === undefined || (await isMissing(file)) ? undefined : (await stat(file)).dev;
}
