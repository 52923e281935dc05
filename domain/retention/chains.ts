/** Backups that others build on: nothing goes that something kept needs, and nothing before what depends on it. */
import { isFinal } from '../operations.ts';
import type { RetentionCandidate } from './facts.ts';

/** Keeps what a kept backup is restored with, and what that is restored with, and so on. */
export function keepWhatIsNeeded(candidates: readonly RetentionCandidate[], kept: Map<string, string>): void {
  const byId = new Map(candidates.map((backup) => [backup.id, backup]));
  const open = [...kept.keys()];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const backup = byId.get(id);
    if (!backup || !needsItsBase(backup)) continue;
    for (const base of backup.dependsOn) {
      if (kept.has(base) || !byId.has(base)) continue;
      kept.set(base, `The backup ${id}, which is kept, depends on it.`);
      open.push(base);
    }
  }
}

/** One that failed or was cancelled is restored by nobody. */
export function needsItsBase({ status }: RetentionCandidate): boolean {
  return status === 'Succeeded' || !isFinal(status);
}

export function dependentsFirst(backups: readonly RetentionCandidate[]): RetentionCandidate[] {
  const dependents = Map.groupBy(
    backups.flatMap((backup) => backup.dependsOn.map((base) => ({ base, backup }))),
    ({ base }) => base,
  );
  const ordered = new Set<RetentionCandidate>();
  const visited = new Set<string>();
  // With a stack of its own: a chain may be as long as the service is old.
  for (const first of backups) {
    const stack = [{ backup: first, entered: false }];
    for (let top = stack.pop(); top; top = stack.pop()) {
      if (top.entered) {
        ordered.add(top.backup);
      } else if (!visited.has(top.backup.id)) {
        visited.add(top.backup.id);
        stack.push({ backup: top.backup, entered: true });
        for (const { backup } of dependents.get(top.backup.id) ?? []) stack.push({ backup, entered: false });
      }
    }
  }
  return [...ordered];
}

/** For sorting, newest first. By the time of the order, which one clock gave, whatever the hosts' clocks say. */
export function later(a: RetentionCandidate, b: RetentionCandidate): number {
  return compare(b.createdAt, a.createdAt) || compare(b.id, a.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
