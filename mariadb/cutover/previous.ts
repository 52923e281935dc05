/**
 * The data that a restore replaced: kept for a while, so that it can be put back, and then removed; and what an undone
 * restore had put there, where it is kept. What goes is marked first, and then removed: that may take its time.
 */
import { rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../context.ts';
import { isMissing } from '../restore/files.ts';
import { freeBytes } from '../restore/room.ts';
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
  /** Milliseconds since 1970. */
  now: number;
  log: Log;
}

/**
 * Marks what is to be removed: whatever has had its time, and, where room is short, the oldest. The caller holds the
 * server's lock.
 *
 * @returns of how many restores something waits to be removed
 */
export async function markExpired(options: ExpiryOptions): Promise<number> {
  const { stateDirectory, now, log } = options;
  const journals: Journal[] = [];
  for (const found of await listJournals(stateDirectory)) {
    let journal = found;
    if (isOver(journal, now)) await removeJournal(stateDirectory, journal.restoreId);
    // Of an undo that was interrupted.
    else if (isUndone(journal)) journal = await setAside(stateDirectory, journal, now);
    journals.push(journal);
  }
  let waiting = journals.filter((journal) => waits(journal)).length;
  const mark = async (journal: Journal): Promise<void> => {
    const { restored } = journal;
    // What could not be removed at the end of the restore.
    if (!restored) await removeStaging(journal);
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
 * Removes what is marked. Nobody looks at it any more: others may work on the server meanwhile.
 *
 * @param locked does something under the server's lock: what is quick
 * @returns the restores whose replaced data was removed
 */
export async function removeMarked({
  stateDirectory,
  log,
  locked,
}: Pick<ExpiryOptions, 'stateDirectory' | 'log'> & {
  locked: (work: () => Promise<void>) => Promise<void>;
}): Promise<number[]> {
  const removed: number[] = [];
  for (const journal of await listJournals(stateDirectory)) {
    if (!waits(journal)) continue;
    const { restoreId, members, restored } = journal;
    for (const member of members) {
      const folder = restored ? undoneFolder(member) : path.dirname(member.previous);
      await rm(folder, { recursive: true, force: true });
    }
    await locked(async () => {
      for (const member of members) await removeEmptyFolders(member);
      await closeRemoved(stateDirectory, journal);
    });
    const what = restored
      ? 'the data of a restore that was undone'
      : 'the data that the restore had replaced';
    log.info({ restoreId }, `Removed ${what}.`);
    if (!restored) removed.push(restoreId);
  }
  return removed;
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
