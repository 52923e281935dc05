/** Which backup a recovery begins with: the one that makes it shortest. */
import type { ArchivedBackup, PlacedBase } from './backups.ts';
import { bytesBetween, type RestoreRates, secondsOfChain } from './estimate.ts';
import { microseconds } from './instants.ts';
import type { Archive, Reach } from './reach.ts';
import { comparePlaces } from './stretches.ts';

export interface Choice {
  base: PlacedBase;
  /** From the full on. */
  chain: readonly ArchivedBackup[];
  /** From the stretch that goes on from the base to the one of the target. */
  reaches: readonly Reach[];
  /** About how long it takes; not rounded. */
  seconds: number;
  /** The backup that would have been the next best to begin with. */
  next?: { backupId: string; seconds: number };
}

export interface ChoiceOf {
  /** The target, or about when it was written; microseconds. */
  time: number;
  /** Whether a backup on the target's own stretch lies before it. */
  before: (base: PlacedBase) => boolean;
  /** A backup that is to be the base. */
  backupId?: string | undefined;
  rates: RestoreRates;
  /** Bytes of binlogs that are replayed in any case after the target: of the stretches that branch off there. */
  beyond?: number;
}

/** @returns undefined when no base leads there */
export function chooseBase(archive: Archive, target: Reach, of: ChoiceOf): Choice | undefined {
  const wanted = (base: PlacedBase): boolean => of.backupId === undefined || base.backup.id === of.backupId;
  const beyond = of.beyond ?? 0;
  let quickest: Choice | undefined;
  for (const base of target.bases) {
    if (!of.before(base) || !wanted(base)) continue;
    const chain = archive.backups.chainOf(base.backup) ?? [];
    const bytes = bytesBetween(target, base.time, of.time) + beyond;
    const seconds = secondsOfChain(chain, bytes, of.rates);
    const choice = { base, chain, reaches: [target], seconds };
    quickest = quickest ? better(quickest, choice) : choice;
  }
  if (quickest || !target.entry) return quickest;
  const { parent, branch } = target.entry;
  const branched = archive.branchTime(target.stretch.timeline);
  const time = branched === undefined ? parent.to : microseconds(branched);
  const before = (base: PlacedBase): boolean => comparePlaces(base.backup.binlog, branch) <= 0;
  const further = beyond + bytesBetween(target, target.from, of.time);
  const led = chooseBase(archive, parent, { ...of, time, before, beyond: further });
  return led && { ...led, reaches: [...led.reaches, target] };
}

/** The quicker one, which knows of the best of the others; of equal ones the newer. */
function better(known: Choice, other: Choice): Choice {
  const isQuicker =
    other.seconds < known.seconds || (other.seconds === known.seconds && other.base.time > known.base.time);
  const [first, second] = isQuicker ? [other, known] : [known, other];
  const next =
    first.next && first.next.seconds <= second.seconds
      ? first.next
      : { backupId: second.base.backup.id, seconds: second.seconds };
  return { ...first, next };
}
