/** Which backup a recovery begins with: the one that makes it shortest. */
import type { ArchivedBackup, PlacedBase } from './backups.ts';
import { bytesBetween, estimatedSeconds, type RestoreRates } from './estimate.ts';
import { microseconds } from './instants.ts';
import type { Archive, Reach } from './reach.ts';
import { comparePlaces } from './stretches.ts';

export interface Choice {
  base: PlacedBase;
  /** From the full on. */
  chain: readonly ArchivedBackup[];
  /** From the stretch that goes on from the base to the one of the target. */
  reaches: readonly Reach[];
  seconds: number;
}

export interface ChoiceOf {
  /** The target, or about when it was written; microseconds. */
  time: number;
  /** Whether a backup on the target's own stretch lies before it. */
  before: (base: PlacedBase) => boolean;
  /** A backup that is to be the base. */
  backupId?: string | undefined;
  rates: RestoreRates;
}

/** @returns undefined when no base leads there */
export function chooseBase(archive: Archive, target: Reach, of: ChoiceOf): Choice | undefined {
  const wanted = (base: PlacedBase): boolean => of.backupId === undefined || base.backup.id === of.backupId;
  let quickest: Choice | undefined;
  for (const base of target.bases) {
    if (!of.before(base) || !wanted(base)) continue;
    const chain = archive.backups.chainOf(base.backup) ?? [];
    const seconds = estimatedSeconds(chain, bytesBetween(target, base.time, of.time), of.rates);
    const isQuicker =
      !quickest ||
      seconds < quickest.seconds ||
      (seconds === quickest.seconds && base.time > quickest.base.time);
    if (isQuicker) quickest = { base, chain, reaches: [target], seconds };
  }
  if (quickest || !target.entry) return quickest;
  const { parent, branch } = target.entry;
  const branched = archive.branchTime(target.stretch.timeline);
  const time = branched === undefined ? parent.to : microseconds(branched);
  const before = (base: PlacedBase): boolean => comparePlaces(base.backup.binlog, branch) <= 0;
  const led = chooseBase(archive, parent, { ...of, time, before });
  if (!led) return undefined;
  const bytes = bytesBetween(target, target.from, of.time);
  const seconds = led.seconds + Math.ceil(bytes / of.rates.binlog);
  return { ...led, reaches: [...led.reaches, target], seconds };
}
