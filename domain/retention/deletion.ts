/** Deleting one backup on instruction: what goes with it, or why it stays. Pure. */
import { TidemarkError } from '../errors.ts';
import { isFinal } from '../operations.ts';
import { dependentsFirst, needsItsBase } from './chains.ts';
import type { RetentionCandidate, RetentionFacts, Verdict } from './facts.ts';

interface Instruction {
  /** Takes along what depends on it. */
  cascade: boolean;
  /** Whose instruction it is, for the reason. */
  by: string;
}

/** So many ids are told in one message. */
const namedAtMost = 20;

/**
 * What is removed, in the order in which it can be: nothing before what depends on it.
 *
 * @param facts of the backup's service, wherever its backups lie
 * @throws backup_not_found; backup_needed, naming what depends on it; backup_in_use, naming who works on it, or on
 *   something that would go with it
 */
export function judgeDeletion(
  { candidates, pins }: RetentionFacts,
  id: string,
  { cascade, by }: Instruction,
): Verdict[] {
  const wanted = candidates.find((backup) => backup.id === id);
  if (!wanted) throw new TidemarkError('backup_not_found', `There is no backup "${id}" any more.`);
  const dependents = dependentsOf(wanted, candidates);
  if (dependents.length > 0 && !cascade) throw needed(id, dependents);
  for (const backup of [wanted, ...dependents]) {
    const use = useOf(backup, pins);
    if (use !== undefined) throw inUse(id, backup.id, use);
  }
  return dependentsFirst([wanted, ...dependents]).map((backup) => ({
    id: backup.id,
    keep: false,
    reason:
      backup === wanted
        ? `It was deleted on the instruction of ${by}.`
        : `It depends on the backup ${id}, which was deleted with all that depends on it on the instruction of ${by}.`,
  }));
}

/** Everything that builds on a backup, and on that, and so on, oldest first. What came to nothing needs no base. */
function dependentsOf(
  wanted: RetentionCandidate,
  candidates: readonly RetentionCandidate[],
): RetentionCandidate[] {
  const found = new Set([wanted.id]);
  const byBase = Map.groupBy(
    candidates.flatMap((backup) => backup.dependsOn.map((base) => ({ base, backup }))),
    ({ base }) => base,
  );
  const open = [wanted.id];
  for (let base = open.pop(); base !== undefined; base = open.pop()) {
    for (const { backup } of byBase.get(base) ?? []) {
      if (found.has(backup.id) || !needsItsBase(backup)) continue;
      found.add(backup.id);
      open.push(backup.id);
    }
  }
  return candidates.filter(({ id }) => id !== wanted.id && found.has(id)).toSorted(olderFirst);
}

function olderFirst(a: RetentionCandidate, b: RetentionCandidate): number {
  return a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0;
}

function useOf({ id, status }: RetentionCandidate, pins: RetentionFacts['pins']): string | undefined {
  if (isFinal(status)) return pins.get(id);
  if (status === 'Scheduled') return 'It is Scheduled: delete its schedule to call it off.';
  return `It is ${status}: wait until it has ended.`;
}

function needed(id: string, dependents: readonly RetentionCandidate[]): TidemarkError {
  const names = namesOf(dependents);
  const count = dependents.length === 1 ? 'A backup depends' : `${dependents.length} backups depend`;
  return new TidemarkError(
    'backup_needed',
    `${count} on the backup ${id}, and could not be restored without it: ${names}. ` +
      'Delete those first, or all of them at once with "cascade=true". Nothing was removed.',
  );
}

function inUse(id: string, used: string, use: string): TidemarkError {
  const which =
    used === id
      ? `The backup ${id} cannot be deleted now.`
      : `The backup ${id} cannot be deleted now, nor the backup ${used}, which depends on it.`;
  return new TidemarkError('backup_in_use', `${which} ${use} Nothing was removed.`);
}

function namesOf(backups: readonly RetentionCandidate[]): string {
  const named = backups.slice(0, namedAtMost).map(({ id }) => id);
  const rest = backups.length - named.length;
  return rest > 0 ? `${named.join(', ')} and ${rest} more` : named.join(', ');
}
