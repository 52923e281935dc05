/** The data that a restore replaced: kept for a while, so that it can be put back, and then removed. */
import { rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../context.ts';
import { isMissing } from '../restore/files.ts';
import { freeBytes } from '../restore/room.ts';
import { removeEmptyFolders, removeStaging, type StagedMember } from '../restore/staging.ts';
import { listJournals, removeJournal, writeJournal, type Journal } from './journal.ts';

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
 * Removes replaced data whose time is over, and, oldest first, as much as is needed where room is short. The caller
 * holds the server's lock.
 * @returns the restores whose replaced data was removed
 */
export async function removeExpired(options: ExpiryOptions): Promise<number[]> {
  const { stateDirectory, now, log } = options;
  const removed: number[] = [];
  for (const journal of await listJournals(stateDirectory)) {
    if (journal.state === 'rolled_back' && journal.undoing) {
      // Undone: it stays for whoever asks what happened, and for an undo whose answer was lost.
      if (now - Date.parse(journal.committedAt ?? '') > journalKeptMs)
        await removeJournal(stateDirectory, journal.restoreId);
      continue;
    }
    if (journal.state !== 'committed') continue;
    if (journal.previous === 'removed') {
      if (now - Date.parse(journal.committedAt ?? '') > journalKeptMs) {
        await removeJournal(stateDirectory, journal.restoreId);
      }
    } else if (journal.previous === 'removing' || (await isDue(journal, options))) {
      await removePrevious(stateDirectory, journal);
      removed.push(journal.restoreId);
      log.info({ restoreId: journal.restoreId }, 'Removed the data that the restore had replaced.');
    }
  }
  return removed;
}

async function isDue(journal: Journal, { now, minFreeBytes, givingBack }: ExpiryOptions): Promise<boolean> {
  if (now - Date.parse(journal.committedAt ?? '') < leastKeptMs) return false;
  if (now >= (journal.keepUntil ?? 0)) return true;
  const spared = await deviceOf(givingBack);
  for (const { previous } of journal.members) {
    const device = await deviceOf(previous);
    if (device === undefined || device === spared) continue;
    if ((await freeBytes(previous)) < minFreeBytes) return true;
  }
  return false;
}

/** The file system of what is there. */
async function deviceOf(file: string | undefined): Promise<number | undefined> {
  return file === undefined || (await isMissing(file)) ? undefined : (await stat(file)).dev;
}

/** Half-removed data must never be put back: the journal says so before the first file goes. */
async function removePrevious(stateDirectory: string, journal: Journal): Promise<void> {
  await writeJournal(stateDirectory, { ...journal, previous: 'removing' });
  for (const member of journal.members) {
    await rm(path.dirname(member.previous), { recursive: true, force: true });
    await removeEmptyFolders(member);
  }
  // What could not be removed at the end of the restore.
  await removeStaging(journal);
  await writeJournal(stateDirectory, { ...journal, previous: 'removed' });
}
