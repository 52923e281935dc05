/**
 * Plans a recovery: to an instant, to a transaction, or as far as it goes. What the window (window.ts) promises is
 * planned here, and nothing else. Where in the binlogs an instant or a transaction lies exactly, segments have to be
 * read for: the plan says in which range.
 */
import { type Base, isIn, type PlacedBase } from './backups.ts';
import { chooseBase } from './choice.ts';
import type { RestoreRates } from './estimate.ts';
import type { BinlogPoint } from './facts.ts';
import { microInstant, microseconds } from './instants.ts';
import { backupAlone, estimateOf, ownInstants, partsOf, type Planning, withTimeline } from './plan-parts.ts';
import { rangesOf } from './plan-ranges.ts';
import { planTransaction } from './plan-transaction.ts';
import type {
  BinlogRange,
  RecoveryPlan,
  RecoveryRefusal,
  RecoveryStop,
  RecoveryTarget,
} from './plan-types.ts';
import { TidemarkError } from '../errors.ts';
import { ratesOfSettings } from './rates.ts';
import { Archive, type Cap, isOn, type RecoveryFacts } from './reach.ts';
import { comparePlaces, sampledWithin } from './stretches.ts';

/** @example planRecovery(facts, { time: '2024-03-26T17:18:57Z' }, rates) */
export function planRecovery(
  facts: RecoveryFacts,
  target: RecoveryTarget,
  rates: RestoreRates,
): RecoveryPlan | RecoveryRefusal {
  const archive = new Archive(facts);
  const path = archive.path(target.timeline ?? timelineMeant(archive, target.backupId));
  const planning = { archive, path, target, rates };
  if ('time' in target) return planTime(planning, microseconds(target.time));
  if ('place' in target) return planPlace(planning, target.place);
  if ('gtid' in target) return planTransaction(planning, target.gtid, target.before ?? false);
  return planLatest(planning);
}

const anyRates = ratesOfSettings({ physical: 1, dump: 1, binlog: 1, fixedSeconds: 0 });

/** From one backup on: nothing is to be weighed. @throws outside_window */
export function planFrom(facts: RecoveryFacts, target: RecoveryTarget & { backupId: string }): RecoveryPlan {
  return requirePlan(planRecovery(facts, target, anyRates));
}

/** @throws outside_window, naming the nearest instants that can be had, and other timelines */
export function requirePlan(found: RecoveryPlan | RecoveryRefusal): RecoveryPlan {
  if (!('refused' in found)) return found;
  const { refused, before, after, timelines } = found;
  const nearest = [before, after].filter((instant) => instant !== undefined);
  throw new TidemarkError(
    'outside_window',
    [
      refused,
      ...(nearest.length > 0 ? [`The nearest that can be had: ${nearest.join(' and ')}.`] : []),
      ...(timelines.length > 0
        ? [
            `It is on the ${timelines.length === 1 ? 'timeline' : 'timelines'} ${timelines.join(', ')}: name it in "timeline".`,
          ]
        : []),
    ].join(' '),
  );
}

/** The current one; with a backup that is not on it, the backup's own. */
function timelineMeant(archive: Archive, backupId: string | undefined): string | undefined {
  const base = archive.bases.find(({ backup }) => backup.id === backupId);
  const onPath = !base?.stretch || isOn(archive.path(archive.current), withTimeline(base));
  return onPath ? archive.current : base.stretch?.timeline;
}

function planTime(planning: Planning, time: number): RecoveryPlan | RecoveryRefusal {
  const { archive, path, target, rates } = planning;
  for (const { reach, cap } of partsOf(planning).filter(({ from, to }) => from <= time && time <= to)) {
    const before = (base: Base): boolean => base.time <= time;
    const choice = chooseBase(archive, reach, { time, before, backupId: target.backupId, rates });
    if (!choice) continue;
    const { stretch } = reach;
    const { ranges, gtid } = rangesOf(archive, choice, cap);
    // Behind the last sample there is nothing that was confirmed by then, and neither is behind a branch.
    const past =
      stretch.toTime === undefined ||
      time > microseconds(stretch.toTime) ||
      ranges.at(-1)?.timeline !== stretch.timeline;
    return {
      timeline: stretch.timeline,
      chain: choice.chain.map(({ id }) => id),
      ranges,
      stop: past ? endStop(ranges, gtid) : { at: 'time', time: microInstant(time) },
      time: microInstant(time),
      ...estimateOf(choice),
    };
  }
  const own = ownInstants(planning).find((base) => base.time <= time && time <= upToSecond(base.time));
  if (own) return backupAlone(planning, own);
  return refusedTime(archive, path, time);
}

function endStop(ranges: readonly BinlogRange[], gtid: string): RecoveryStop {
  return ranges.length === 0 ? { at: 'backup' } : { at: 'end', gtid };
}

/** Lists show the instant of a backup so, and what is listed can be had. */
function upToSecond(time: number): number {
  return Math.ceil(time / 1_000_000) * 1_000_000;
}

/** Where nothing has to be looked for: to where a binarylog backup ends. */
function planPlace(planning: Planning, place: BinlogPoint): RecoveryPlan | RecoveryRefusal {
  const { archive, target, rates } = planning;
  for (const { reach, to } of partsOf(planning)) {
    const { timeline } = reach.stretch;
    if (timeline !== target.timeline || !isIn(reach.stretch, place)) continue;
    const before = ({ backup }: PlacedBase): boolean => comparePlaces(backup.binlog, place) <= 0;
    const choice = chooseBase(archive, reach, { time: to, before, backupId: target.backupId, rates });
    if (!choice) continue;
    const { ranges } = rangesOf(archive, choice, { branch: { ...place, gtid: '' } });
    return {
      timeline,
      chain: choice.chain.map(({ id }) => id),
      ranges,
      stop: endStop(ranges, ''),
      ...estimateOf(choice),
    };
  }
  return {
    refused: `No backup and the binlogs after it lead to ${place.file}:${place.position}.`,
    timelines: [],
  };
}

function planLatest(planning: Planning): RecoveryPlan | RecoveryRefusal {
  const { archive, target, rates } = planning;
  const [own] = ownInstants(planning).toSorted((a, b) => b.time - a.time);
  for (const { reach, cap, to } of partsOf(planning).toSorted((a, b) => b.to - a.to)) {
    if (own && own.time > to) break;
    const before = (base: Base): boolean => base.time <= to;
    const choice = chooseBase(archive, reach, { time: to, before, backupId: target.backupId, rates });
    if (!choice) continue;
    const { ranges, gtid } = rangesOf(archive, choice, cap);
    return {
      timeline: reach.stretch.timeline,
      chain: choice.chain.map(({ id }) => id),
      ranges,
      stop: endStop(ranges, gtid),
      time: microInstant(to),
      ...estimateOf(choice),
    };
  }
  if (own) return backupAlone(planning, own);
  return { refused: 'There is no backup that could be restored.', timelines: [] };
}

function refusedTime(archive: Archive, path: ReadonlyMap<string, Cap>, time: number): RecoveryRefusal {
  const parts = partsOf({ archive, path });
  const alone = archive.bases.filter((base) => !base.stretch && isOn(path, base.backup));
  const ends = [...parts.map(({ to }) => to), ...alone.map((base) => base.time)];
  const starts = [...parts.map(({ from }) => from), ...alone.map((base) => base.time)];
  const before = Math.max(...ends.filter((end) => end < time));
  const after = Math.min(...starts.filter((start) => start > time));
  const hole = archive.facts.holes.find(
    ({ timeline, fromTime, toTime }) =>
      path.has(timeline) &&
      microseconds(fromTime) - sampledWithin <= time &&
      (toTime === undefined || time <= microseconds(toTime) + sampledWithin),
  );
  const others = archive.reaches.filter((reach) => reach.from <= time && time <= reach.to);
  return {
    refused: `The service cannot be brought back to ${microInstant(time)}.${hole ? ` ${hole.message}` : ''}`,
    ...(Number.isFinite(before) && { before: microInstant(before) }),
    ...(Number.isFinite(after) && { after: microInstant(after) }),
    timelines: [...new Set(others.map(({ stretch }) => stretch.timeline))],
  };
}
