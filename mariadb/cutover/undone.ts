/**
 * What a restore had put there, once it is undone: set aside in an instant, and removed by the housekeeping. Where it has
 * what the archive may not have yet, it is kept for a while first.
 */
import { readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import type { KeptRestored } from '../../domain/undo.ts';
import { isMissing, removeIfEmpty, syncDirectory } from '../restore/files.ts';
import { removeStaging, undoneFolder } from '../restore/staging.ts';
import { type Journal, writeJournal } from './journal.ts';

/**
 * Renames it to where it waits, and notes until when. The caller holds the server's lock; may be repeated.
 *
 * @param now milliseconds since 1970
 * @returns the journal as it is then
 */
export async function setAside(stateDirectory: string, journal: Journal, now: number): Promise<Journal> {
  const { undoing, members } = journal;
  if (journal.restored) return journal;
  for (const member of members) {
    const incoming = path.join(member.folder, 'new');
    // Of several members one folder holds all.
    if (await isMissing(incoming)) continue;
    await rename(incoming, undoneFolder(member));
    await syncDirectory(member.folder);
  }
  await removeStaging(journal);
  for (const member of members) if (member.missing) await removeIfEmpty(member.live);
  const there = (await directoriesOf(journal)).length > 0;
  // What lies in the spool is not archived yet, and may never be: by a store that is away, or when archiving is off.
  const wanted = undoing !== undefined && undoing.written !== 'nothing';
  const aside: Journal = {
    ...journal,
    ...(undoing?.written === 'kept' && !there && { undoing: { ...undoing, written: 'lost' as const } }),
    restored: {
      fate: !there ? 'removed' : wanted ? 'kept' : 'removing',
      since: now,
      // As long as what had been replaced would have been.
      keepUntil: now + (journal.keepUntil ?? 0) - Date.parse(journal.committedAt ?? ''),
    },
  };
  await writeJournal(stateDirectory, aside);
  return aside;
}

/** Where it is kept; undefined where it is not. */
export async function keptRestored(journal: Journal): Promise<KeptRestored | undefined> {
  const { restored } = journal;
  if (restored?.fate !== 'kept') return undefined;
  return {
    directories: await directoriesOf(journal),
    until: new Date(restored.keepUntil).toISOString(),
  };
}

/** One for each kind of the server's files of which there are some. */
async function directoriesOf({ members }: Journal): Promise<string[]> {
  const found: string[] = [];
  for (const member of members) {
    const directory = path.join(undoneFolder(member), member.kind);
    if (!(await isMissing(directory)) && (await readdir(directory)).length > 0) found.push(directory);
  }
  return [...new Set(found)];
}
