/** What of the time of a window cannot be had, and why. */
import { isIn } from './backups.ts';
import { type HoleFacts, holeCauses } from './facts.ts';
import { microseconds, sortable } from './instants.ts';
import type { Archive, Cap } from './reach.ts';
import { sampledWithin } from './stretches.ts';

/**
 * Besides what the follower found: binlogs are there, and no backup that leads to them; what was written then, if
 * anything, is on a timeline that the server has left.
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

/** Those that the follower found, and what else lies between the intervals of the current timeline and its ancestors. */
export function holesOf(archive: Archive, intervals: readonly Interval[]): WindowHole[] {
  const found = archive.facts.holes.filter((hole) => !isFilled(archive, hole)).map(told);
  const path = archive.path(archive.current);
  const known = found.filter(({ timeline }) => timeline !== undefined && path.has(timeline));
  const between: WindowHole[] = [];
  let before: Interval | undefined;
  for (const next of intervals.filter(({ current }) => current)) {
    if (before && before.to < next.from) between.push(...gap(archive, before, next, { path, known }));
    if (!before || next.to > before.to) before = next;
  }
  return [...found, ...between].toSorted((a, b) => (a.from < b.from ? -1 : Number(a.from > b.from)));
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

/** What lies between two intervals and is not known as a hole already. @param of the current path, with its holes */
function gap(
  archive: Archive,
  before: Interval,
  next: Interval,
  { path, known }: { path: ReadonlyMap<string, Cap>; known: readonly WindowHole[] },
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
  let rest = parts;
  for (const { timeline, fromTime, toTime } of archive.facts.stretches) {
    if (!path.has(timeline) || fromTime === undefined || toTime === undefined) continue;
    if (fromTime >= next.from || toTime <= before.to) continue;
    const covered = { from: fromTime, to: toTime };
    holes.push(...rest.flatMap((part) => common(part, covered)).map((part) => noBackup(timeline, part)));
    rest = without(rest, covered);
  }
  const { timeline } = next;
  const left = timeline !== undefined && before.timeline !== undefined && before.timeline !== timeline;
  return [
    ...holes,
    ...rest.map((part) => (left ? leftTimeline(timeline, part) : unarchived(timeline, part))),
  ];
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
    'What was written at this time, if anything, is not on the timeline that the server is on now.';
  return { timeline, ...part, cause: 'left_timeline', message };
}

function unarchived(timeline: string | undefined, part: Part): WindowHole {
  const message = 'No binlog of this time is archived.';
  return { ...(timeline !== undefined && { timeline }), ...part, cause: 'unarchived', message };
}
