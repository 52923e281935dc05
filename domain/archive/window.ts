/**
 * The recovery window: to which instants a service can be brought back, and where the holes are. Arithmetic on what the
 * catalog knows; no segment is looked at. The planner (plan.ts) keeps what is promised here.
 */
import type { Base } from './backups.ts';
import { chooseBase } from './choice.ts';
import { type RestoreRates, secondsOfChain, wholeEstimate } from './estimate.ts';
import { compareText, microInstant, microseconds } from './instants.ts';
import { Archive, type Cap, isOn, type Reach, type RecoveryFacts, within } from './reach.ts';
import { sampledWithin } from './stretches.ts';
import { holesOf, type WindowHole } from './window-holes.ts';

/** Whether an instant is found by samples of the server's clock, or by what the events of its binlog say. */
export type Resolution = 'commit_clock' | 'event_time';

/** Instants have six digits of a second; both ends belong to it. */
export interface WindowInterval {
  /** Left out for the own instant of a backup that is on no known timeline. */
  timeline?: string;
  /** Whether it is meant when no timeline is named. */
  current: boolean;
  from: string;
  to: string;
  /** The states at both ends; left out where only the binlogs themselves tell. */
  fromGtid?: string;
  toGtid?: string;
  /** Of all but what is `unsampled`. */
  resolution: Resolution;
  /** Parts in which nobody looked at the server's clock: event times are all there is. */
  unsampled: { from: string; to: string }[];
  /** The backups that serve its end, from the full on. */
  chain: string[];
  /** How long a restore to its end would take. */
  seconds: number;
}

export interface RecoveryWindow {
  /** By their first instants, those of all timelines. */
  intervals: WindowInterval[];
  holes: WindowHole[];
}

export function recoveryWindow(facts: RecoveryFacts, rates: RestoreRates): RecoveryWindow {
  const archive = new Archive(facts);
  const path = archive.path(archive.current);
  const intervals = [
    ...archive.reaches.flatMap((reach) => intervalsOf(archive, reach, path, rates)),
    ...archive.bases.flatMap((base) => (base.stretch ? [] : [ownInstant(archive, base, path, rates)])),
  ].toSorted((a, b) => compareText(a.from, b.from) || compareText(a.to, b.to));
  return { intervals, holes: holesOf(archive, intervals) };
}

/** One, or two where the server left its timeline on it. */
function intervalsOf(
  archive: Archive,
  reach: Reach,
  path: ReadonlyMap<string, Cap>,
  rates: RestoreRates,
): WindowInterval[] {
  const cap = path.get(reach.stretch.timeline);
  const part = cap && within(reach, cap);
  const make = (current: boolean, from: number, to: number): WindowInterval => ({
    timeline: reach.stretch.timeline,
    current,
    from: microInstant(from),
    to: microInstant(to),
    ...statesOf(reach, from, to),
    ...resolutionOf(reach, from, to),
    ...servedBy(archive, reach, to, rates),
  });
  if (!part) return [make(false, reach.from, reach.to)];
  const kept = make(true, part.from, part.to);
  return part.to === reach.to ? [kept] : [kept, make(false, part.to, reach.to)];
}

function statesOf(
  { stretch, bases, from, to }: Reach,
  first: number,
  last: number,
): Pick<WindowInterval, 'fromGtid' | 'toGtid'> {
  const base = bases.find(({ time }) => time === first);
  return {
    ...(first === from && { fromGtid: base ? base.backup.binlog.gtid : stretch.fromGtid }),
    ...(last === to && { toGtid: stretch.toGtid }),
  };
}

function resolutionOf(
  { stretch }: Reach,
  from: number,
  to: number,
): Pick<WindowInterval, 'resolution' | 'unsampled'> {
  const parts = stretch.unsampled.map((part) => [microseconds(part.from), microseconds(part.to)] as const);
  const sampled = stretch.fromTime === undefined ? from : microseconds(stretch.fromTime);
  if (sampled - from > sampledWithin) parts.unshift([from, sampled]);
  const inside = parts
    .map(([begin, end]) => [Math.max(begin, from), Math.min(end, to)] as const)
    .filter(([begin, end]) => begin < end);
  if (inside.some(([begin, end]) => begin === from && end === to)) {
    return { resolution: 'event_time', unsampled: [] };
  }
  return {
    resolution: 'commit_clock',
    unsampled: inside.map(([begin, end]) => ({ from: microInstant(begin), to: microInstant(end) })),
  };
}

function servedBy(
  archive: Archive,
  reach: Reach,
  time: number,
  rates: RestoreRates,
): Pick<WindowInterval, 'chain' | 'seconds'> {
  const choice = chooseBase(archive, reach, { time, before: (base) => base.time <= time, rates });
  return { chain: choice?.chain.map(({ id }) => id) ?? [], seconds: wholeEstimate(choice?.seconds ?? 0) };
}

/** Of a backup that nothing goes on from. */
function ownInstant(
  archive: Archive,
  { backup, time }: Base,
  path: ReadonlyMap<string, Cap>,
  rates: RestoreRates,
): WindowInterval {
  const { timeline, binlog } = backup;
  const chain = archive.backups.chainOf(backup) ?? [];
  const gtid = binlog && { fromGtid: binlog.gtid, toGtid: binlog.gtid };
  return {
    ...(timeline !== undefined && { timeline }),
    current: isOn(path, backup),
    from: microInstant(time),
    to: microInstant(time),
    ...gtid,
    resolution: 'commit_clock',
    unsampled: [],
    chain: chain.map(({ id }) => id),
    seconds: wholeEstimate(secondsOfChain(chain, 0, rates)),
  };
}
