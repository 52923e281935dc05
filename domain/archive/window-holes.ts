/** What of the time of a window cannot be had, and why. */
import { isIn } from './backups.ts';
import { type BinlogPoint, type HoleFacts, holeCauses } from './facts.ts';
import { compareText, microInstant, microseconds, sortable } from './instants.ts';
import type { Archive } from './reach.ts';
import { sampledWithin, type StretchFacts } from './stretches.ts';

/**
 * Besides what the follower found: binlogs are there, and no backup that leads to them; what was written then, if
 * anything, was on a timeline that the server has left, and nothing has it.
 */
export const windowHoleCauses = [...holeCauses, 'no_backup', 'left_timeline'] as const;

export interface WindowHole {
  timeline?: string;
  from: string;
  /** Left out while it goes on. */
  to?: string;
  cause: (typeof windowHoleCauses)[number];
  /** A sentence. */
  message: string;
}

interface Interval {
  timeline?: string;
  current: boolean;
  from: string;
  to: string;
}

/**
 * Those that the follower found, and what else lies between the intervals of the current timeline and its ancestors: only
 * where something that was confirmed may be beyond reach. What another timeline has is no hole, nor is the time in which
 * a restore had the server stopped.
 */
export function holesOf(archive: Archive, intervals: readonly Interval[]): WindowHole[] {
  const found = archive.facts.holes.filter((hole) => !isFilled(archive, hole)).map(told);
  const path = archive.path(archive.current);
  const known = found.filter(({ timeline }) => timeline !== undefined && path.has(timeline));
  const elsewhere = intervals.filter(({ current }) => !current);
  const between: WindowHole[] = [];
  let before: Interval | undefined;
  for (const next of intervals.filter(({ current }) => current)) {
    if (before && before.to < next.from) between.push(...gap(archive, before, next, { known, elsewhere }));
    if (!before || next.to > before.to) before = next;
  }
  return [...found, ...between].toSorted((a, b) => compareText(a.from, b.from));
}

/** What was missing came after all. */
function isFilled({ facts }: Archive, { timeline, from, to }: HoleFacts): boolean {
  return (
    to !== undefined &&
    facts.stretches.some(
      (stretch) => stretch.timeline === timeline && isIn(stretch, from) && isIn(stretch, to),
    )
  );
}

function told({ timeline, fromTime, toTime, cause, message }: HoleFacts): WindowHole {
  return {
    timeline,
    from: sortable(fromTime),
    ...(toTime !== undefined && { to: sortable(toTime) }),
    cause,
    message,
  };
}

interface Part {
  from: string;
  to: string;
}

/**
 * What lies between two intervals and is not known as a hole already.
 *
 * @param around the known holes of the current path, and what can be had of other timelines
 */
function gap(
  archive: Archive,
  before: Interval,
  next: Interval,
  { known, elsewhere }: { known: readonly WindowHole[]; elsewhere: readonly Interval[] },
): WindowHole[] {
  const whole = [{ from: before.to, to: next.from }];
  const near = known.filter(({ from, to }) => from < next.from && (to === undefined || to > before.to));
  const unknown = near.reduce<Part[]>((parts, hole) => without(parts, hole), whole);
  // Beside a hole that is known a moment more or less is the clocks' matter.
  const parts =
    unknown.length === 1 && unknown[0]!.from === before.to && unknown[0]!.to === next.from
      ? unknown
      : unknown.filter(({ from, to }) => microseconds(to) - microseconds(from) > sampledWithin);
  const holes: WindowHole[] = [];
  let rest = elsewhere.reduce<Part[]>((left, interval) => without(left, interval), parts);
  for (const { timeline, ...unreached } of unreachedParts(archive)) {
    holes.push(...rest.flatMap((part) => common(part, unreached)).map((part) => noBackup(timeline, part)));
    rest = without(rest, unreached);
  }
  const { timeline } = next;
  const left = timeline !== undefined && before.timeline !== undefined && before.timeline !== timeline;
  return [
    ...holes,
    ...rest
      .filter((part) => !isStopped(archive, part))
      .map((part) => (left ? leftTimeline(timeline, part) : unarchived(timeline, part))),
  ];
}

/** What is archived and no backup leads to. */
function unreachedParts({ facts, reaches }: Archive): (Part & { timeline: string })[] {
  const reached = new Map(reaches.map((reach) => [reach.stretch, reach]));
  return facts.stretches.flatMap((stretch) => {
    const { timeline, fromTime, toTime } = stretch;
    if (fromTime === undefined || toTime === undefined) return [];
    const reach = reached.get(stretch);
    if (reach?.entry) return [];
    const to = reach ? microInstant(reach.from) : toTime;
    return fromTime < to ? [{ timeline, from: fromTime, to }] : [];
  });
}

/**
 * A restore whose host did not say where the binlog of what it replaced ended: after so short a time (microseconds) it is
 * taken for its cut-over, and for a server that was started again in between after any longer one.
 */
const cutOverWithin = 10_000_000;

/** Whether the server was stopped, with all that it had written archived, until it was started with restored data. */
function isStopped({ facts }: Archive, { from, to }: Part): boolean {
  const { stretches, timelines } = facts;
  const ended = stretches
    .filter(({ toTime = to }) => toTime <= from)
    .toSorted((a, b) => compareText(a.toTime, b.toTime))
    .at(-1);
  const begun = stretches
    .filter(({ fromTime = from }) => fromTime >= to)
    .toSorted((a, b) => compareText(a.fromTime, b.fromTime))[0];
  if (ended?.closed !== 'stop' || !begun) return false;
  const timeline = timelines.find(({ id }) => id === begun.timeline);
  if (timeline?.cause !== 'restore' || !isIn(begun, timeline.begins)) return false;
  if (!endsWith(ended, timeline.replaced, microseconds(to) - microseconds(from))) return false;
  // One of which nothing is archived.
  return !timelines.some(({ id, createdAt }) => {
    const at = sortable(createdAt);
    return id !== timeline.id && at > (ended.toTime ?? from) && at < to;
  });
}

/**
 * That a file was closed by a stop does not say that the server was not started again: what it wrote then may be in files
 * that nobody read.
 */
function endsWith(
  { endFile, endPosition }: StretchFacts,
  replaced: BinlogPoint | undefined,
  lasted: number,
): boolean {
  if (!replaced) return lasted <= cutOverWithin;
  return replaced.file === endFile && replaced.position === endPosition;
}

function without(parts: readonly Part[], { from, to }: { from: string; to?: string }): Part[] {
  return parts.flatMap((part) => [
    ...(part.from < from ? [{ from: part.from, to: part.to < from ? part.to : from }] : []),
    ...(to !== undefined && part.to > to ? [{ from: part.from > to ? part.from : to, to: part.to }] : []),
  ]);
}

function common(part: Part, other: Part): Part[] {
  const from = part.from > other.from ? part.from : other.from;
  const to = part.to < other.to ? part.to : other.to;
  return from < to ? [{ from, to }] : [];
}

function noBackup(timeline: string, part: Part): WindowHole {
  const message = 'The binlogs of this time are archived, but no backup from before leads to them.';
  return { timeline, ...part, cause: 'no_backup', message };
}

function leftTimeline(timeline: string, part: Part): WindowHole {
  const message =
    'What was written at this time, if anything, was on a timeline that the server has left, and is not archived.';
  return { timeline, ...part, cause: 'left_timeline', message };
}

function unarchived(timeline: string | undefined, part: Part): WindowHole {
  const message = 'No binlog of this time is archived.';
  return { ...(timeline !== undefined && { timeline }), ...part, cause: 'unarchived', message };
}
