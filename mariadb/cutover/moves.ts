/**
 * Moving one member's files: the old ones aside, the new ones in, and both the other way round. Only renaming on one
 * file system, so that each takes an instant and is whole or not at all.
 *
 * Forward moves are done once in a journal. Those that take back may be repeated from any point: they look at what
 * is where.
 */
import { chmod, chown, rename } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import { matchesAny } from '../server/foreign.ts';
import { isMissing, makeDirectory, namesIn, removeIfEmpty, syncDirectory } from '../restore/files.ts';
import { createWithin, workFolder } from '../restore/staging.ts';
import type { JournalMember } from './journal.ts';

/** Moves what the server has now to where it is kept. */
export async function moveAside(member: JournalMember): Promise<void> {
  if (member.renamed) {
    if (member.missing) return;
    await createWithin(member, path.dirname(member.previous), member);
    await rename(member.live, member.previous);
    await syncBoth(member.live, member.previous);
    return;
  }
  await createWithin(member, member.previous, member);
  await moveEntries(member.live, member.previous, await ownNames(member));
}

/** Moves what was materialized to where the server looks for it. */
export async function moveIn(member: JournalMember): Promise<void> {
  if (member.renamed) {
    await rename(member.incoming, member.live);
    await syncBoth(member.incoming, member.live);
    return;
  }
  const names = await namesIn(member.incoming);
  for (const name of names) {
    if (!(await isMissing(path.join(member.live, name)))) {
      throw new TidemarkError(
        'cut_over_failed',
        `${path.join(member.live, name)} is in the way of the new file of that name: move it away.`,
      );
    }
  }
  await moveEntries(member.incoming, member.live, names);
}

/** Gives the new directory the owner and the permissions that the old one had. */
export async function restoreOwner(member: JournalMember): Promise<void> {
  await chown(member.live, member.uid, member.gid);
  await chmod(member.live, member.mode);
}

/** Takes the new files out again. Only once everything old had been moved aside. */
export async function takeOut(member: JournalMember): Promise<void> {
  if (member.renamed) {
    // The new directory is either here or there.
    if (!(await isMissing(member.incoming)) || (await isMissing(member.live))) return;
    await createWithin(member, path.dirname(member.incoming), member);
    await rename(member.live, member.incoming);
    await syncBoth(member.live, member.incoming);
    return;
  }
  await createWithin(member, member.incoming, member);
  await moveEntries(member.live, member.incoming, await ownNames(member));
}

/** Brings the old files back. Only once the new ones are out. */
export async function bringBack(member: JournalMember): Promise<void> {
  if (member.renamed) {
    if (await isMissing(member.previous)) return;
    await makeDirectory(path.dirname(member.live));
    await rename(member.previous, member.live);
    await syncBoth(member.previous, member.live);
    return;
  }
  await moveEntries(member.previous, member.live, await namesIn(member.previous));
  await removeIfEmpty(member.previous);
}

/** The names at the top of the live directory that are this member's. */
async function ownNames(member: JournalMember): Promise<string[]> {
  const names = await namesIn(member.live);
  if (member.kind !== 'data') return names.filter((name) => matchesAny(name, member.files));
  const staying = [workFolder, 'lost+found', ...member.foreign];
  return names.filter((name) => !staying.includes(name));
}

async function moveEntries(from: string, to: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  for (const name of names) await rename(path.join(from, name), path.join(to, name));
  await syncDirectory(to);
  await syncDirectory(from);
}

async function syncBoth(one: string, other: string): Promise<void> {
  await syncDirectory(path.dirname(one));
  await syncDirectory(path.dirname(other));
}
