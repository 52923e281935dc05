/** What every kind of target is planned with. */
import type { Base } from './backups.ts';
import type { Choice } from './choice.ts';
import { type RestoreRates, secondsOfChain, wholeEstimate } from './estimate.ts';
import { microInstant } from './instants.ts';
import type { RecoveryPlan, RecoveryTarget } from './plan-types.ts';
import { type Archive, type Cap, isOn, type Reach, within } from './reach.ts';

export interface Planning {
  archive: Archive;
  /** The timelines that are meant, the target's own first. */
  path: ReadonlyMap<string, Cap>;
  target: RecoveryTarget;
  rates: RestoreRates;
}

/** Stretches of the path, of the newest timeline first, with the instants of each that belong to it. */
export function partsOf({ archive, path }: Pick<Planning, 'archive' | 'path'>): Part[] {
  return [...path].flatMap(([timeline, cap]) =>
    archive.reaches.flatMap((reach) => {
      const part = reach.stretch.timeline === timeline ? within(reach, cap) : undefined;
      return part ? [{ reach, cap, ...part }] : [];
    }),
  );
}

/** A part of a path: one stretch; instants are microseconds. */
export interface Part {
  reach: Reach;
  cap: Cap;
  from: number;
  to: number;
}

/** With the timeline that its place tells. */
export function withTimeline({ backup, stretch }: Base): Base['backup'] {
  return stretch ? { ...backup, timeline: stretch.timeline } : backup;
}

/** Backups that nothing goes on from. */
export function ownInstants({ archive, path, target: { backupId } }: Planning): Base[] {
  return archive.bases.filter(
    (base) =>
      !base.stretch && isOn(path, base.backup) && (backupId === undefined || base.backup.id === backupId),
  );
}

export function backupAlone(
  { archive, rates }: Pick<Planning, 'archive' | 'rates'>,
  { backup, time, stretch }: Base,
): RecoveryPlan {
  const chain = archive.backups.chainOf(backup) ?? [];
  const timeline = stretch?.timeline ?? backup.timeline;
  return {
    ...(timeline !== undefined && { timeline }),
    chain: chain.map(({ id }) => id),
    ranges: [],
    stop: { at: 'backup' },
    time: microInstant(time),
    seconds: wholeEstimate(secondsOfChain(chain, 0, rates)),
  };
}

/** What a plan says of its time. */
export function estimateOf({ seconds, next }: Choice): Pick<RecoveryPlan, 'seconds' | 'next'> {
  return {
    seconds: wholeEstimate(seconds),
    ...(next && { next: { ...next, seconds: wholeEstimate(next.seconds) } }),
  };
}
