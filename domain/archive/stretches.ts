/**
 * Segments that follow one another without a gap, as one. Pure, and without a look at the segments that are known already:
 * a stretch is small however many it holds.
 */
import type { ClockSample, SegmentFacts, Unsampled } from './facts.ts';
import { sameGtids } from './gtid-positions.ts';
import { microInstant, microseconds } from './instants.ts';

/**
 * Segments that follow one another without a gap, as one: what is asked for first, and small however old a service is.
 * Instants have six digits of a second.
 */
export interface StretchFacts {
  timeline: string;
  /** The first segment's file and start, and the state there. */
  fromFile: string;
  fromPosition: number;
  fromGtid: string;
  /** Where its last whole transaction ends, and the state there. */
  toFile: string;
  toPosition: number;
  toGtid: string;
  /** Where its last segment ends, maybe inside a transaction. */
  endFile: string;
  endPosition: number;
  /** It ends with the event that closes its last file: after `stop` the server wrote nothing before it was started again. */
  closed?: 'rotate' | 'stop';
  /**
   * The instants that it covers: `t0` of its first and of its last sample, or of its events where nobody sampled. Left
   * out while it has neither.
   */
  fromTime?: string;
  toTime?: string;
  /** Parts of that time in which nobody looked at the commit clock. */
  unsampled: Unsampled[];
  /** Of the binlogs, and of the objects that hold them. */
  bytes: number;
  storedBytes: number;
  segments: number;
}

/**
 * How far apart two samples may be, microseconds: the clock is read every 100 ms, and a server that is busy answers
 * late. Whoever asks for an instant between is told how late the next sample was.
 */
export const sampledWithin = 2_000_000;

/**
 * The number of a binlog file, by which they follow one another: their names stop sorting at a million.
 * @example fileNumber('binlog.000007') // 7
 */
export function fileNumber(file: string): number {
  // Asked a hundred thousand times for one window: an expression for it would take half of its time.
  const number = Number(file.slice(file.lastIndexOf('.') + 1) || '-');
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}

/** For sorting places of one timeline. */
export function comparePlaces(
  a: { file: string; position: number },
  b: { file: string; position: number },
): number {
  if (a.file === b.file) return a.position - b.position;
  return fileNumber(a.file) - fileNumber(b.file) || a.position - b.position;
}

/** Whether a place between two events is in a stretch, or at one of its ends. */
export function holds(stretch: StretchFacts, place: { file: string; position: number }): boolean {
  const { fromFile, fromPosition, endFile, endPosition } = stretch;
  return (
    comparePlaces(place, { file: fromFile, position: fromPosition }) >= 0 &&
    comparePlaces(place, { file: endFile, position: endPosition }) <= 0
  );
}

/** @example stretchOf(segment) // of this one alone */
export function stretchOf(segment: SegmentFacts): StretchFacts {
  const { timeline, file, start, end, gtidBefore, wholeEnd, gtidAfter, closed } = segment;
  return {
    timeline,
    fromFile: file,
    fromPosition: start,
    fromGtid: gtidBefore,
    toFile: file,
    toPosition: wholeEnd,
    toGtid: gtidAfter,
    endFile: file,
    endPosition: end,
    ...(closed && { closed }),
    ...timesOf(segment),
    bytes: end - start,
    storedBytes: segment.storedBytes,
    segments: 1,
  };
}

/** With one more segment. Others of other timelines stay as they are. @returns by timeline and place */
export function withSegment(stretches: readonly StretchFacts[], segment: SegmentFacts): StretchFacts[] {
  const sorted = [...stretches, stretchOf(segment)].toSorted(byPlace);
  const whole: StretchFacts[] = [];
  for (const next of sorted) {
    const last = whole.at(-1);
    if (last && follows(last, next)) whole.splice(-1, 1, joined(last, next));
    else whole.push(next);
  }
  return whole;
}

function byPlace(a: StretchFacts, b: StretchFacts): number {
  if (a.timeline !== b.timeline) return a.timeline < b.timeline ? -1 : 1;
  return comparePlaces(startOf(a), startOf(b));
}

function startOf({ fromFile, fromPosition }: StretchFacts): { file: string; position: number } {
  return { file: fromFile, position: fromPosition };
}

function endOf({ endFile, endPosition }: StretchFacts): { file: string; position: number } {
  return { file: endFile, position: endPosition };
}

/** Whether `b`, which does not begin before `a`, begins in it or where it ends. */
function follows(a: StretchFacts, b: StretchFacts): boolean {
  if (a.timeline !== b.timeline) return false;
  const order = comparePlaces(startOf(b), endOf(a));
  if (order <= 0) return order < 0 || a.endFile === b.fromFile;
  // A file after a crash has no closing event, but the next begins with the state that it ended with all the same.
  return (
    b.fromPosition === 0 &&
    baseOf(b.fromFile) === baseOf(a.endFile) &&
    fileNumber(b.fromFile) === fileNumber(a.endFile) + 1 &&
    sameGtids(a.toGtid, b.fromGtid)
  );
}

function baseOf(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}

function joined(a: StretchFacts, b: StretchFacts): StretchFacts {
  const counts = { storedBytes: a.storedBytes + b.storedBytes, segments: a.segments + b.segments };
  if (comparePlaces(endOf(b), endOf(a)) <= 0) return { ...a, ...counts };
  // A segment without the end of a transaction does not move it.
  const moved =
    comparePlaces({ file: b.toFile, position: b.toPosition }, { file: a.toFile, position: a.toPosition }) >
      0 && !(b.toFile === b.fromFile && b.toPosition === b.fromPosition);
  const overlap = b.fromFile === a.endFile ? Math.max(0, a.endPosition - b.fromPosition) : 0;
  const { fromTime, toTime, unsampled } = timesTogether(a, b);
  const { closed: _, ...begun } = a;
  return {
    ...begun,
    ...(b.closed && { closed: b.closed }),
    ...(moved && { toFile: b.toFile, toPosition: b.toPosition, toGtid: b.toGtid }),
    endFile: b.endFile,
    endPosition: b.endPosition,
    ...(fromTime !== undefined && { fromTime }),
    ...(toTime !== undefined && { toTime }),
    unsampled,
    bytes: a.bytes + b.bytes - overlap,
    ...counts,
  };
}

type Times = Pick<StretchFacts, 'fromTime' | 'toTime' | 'unsampled'>;

function timesOf(segment: SegmentFacts): Times {
  const { sampledFrom, sampledTo, firstEventAt, lastEventAt } = segment;
  if (sampledFrom !== undefined && sampledTo !== undefined) {
    const from = microseconds(sampledFrom);
    const to = Math.max(from, microseconds(sampledTo));
    // A file that following began in the middle of: its first event says when it was begun.
    const begun = segment.start === 0 && firstEventAt !== undefined ? microseconds(firstEventAt) : from;
    const { unsampled = [] } = segment;
    if (from - begun <= sampledWithin) return times(from, to, unsampled);
    return times(begun, to, coalesced([{ from: microInstant(begun), to: microInstant(from) }, ...unsampled]));
  }
  if (firstEventAt === undefined || lastEventAt === undefined) return { unsampled: [] };
  // What an event says may be anything: no later than it was read, at least.
  const latest = microseconds(segment.shippedAt);
  const to = Math.min(latest, microseconds(lastEventAt));
  const from = Math.min(to, microseconds(firstEventAt));
  return times(from, to, [{ from: microInstant(from), to: microInstant(to) }]);
}

function times(from: number, to: number, unsampled: Unsampled[]): Times {
  return { fromTime: microInstant(from), toTime: microInstant(to), unsampled };
}

function timesTogether(a: Times, b: Times): Times {
  if (b.fromTime === undefined || b.toTime === undefined) return a;
  if (a.fromTime === undefined || a.toTime === undefined) return b;
  // A clock that stepped back stands still until it has caught up with itself.
  const [end, from] = [microseconds(a.toTime), microseconds(b.fromTime)];
  const gap = from - end > sampledWithin ? [{ from: a.toTime, to: b.fromTime }] : [];
  const later = b.unsampled.flatMap((part) =>
    part.to <= a.toTime! ? [] : [{ from: part.from < a.toTime! ? a.toTime! : part.from, to: part.to }],
  );
  return {
    fromTime: a.fromTime,
    toTime: a.toTime < b.toTime ? b.toTime : a.toTime,
    unsampled: coalesced([...a.unsampled, ...gap, ...later]),
  };
}

/** Where samples are too far apart. Between two of one place nothing was written: there is nothing to be known. */
export function gapsIn(clock: readonly ClockSample[]): Unsampled[] {
  const gaps = clock.flatMap((sample, index): Unsampled[] => {
    const before = clock[index - 1];
    if (!before || before.position === sample.position) return [];
    const [from, to] = [microseconds(before.t0), microseconds(sample.t0)];
    return to - from > sampledWithin ? [{ from: microInstant(from), to: microInstant(to) }] : [];
  });
  return coalesced(gaps);
}

/** Those that meet as one. In their order. */
function coalesced(parts: readonly Unsampled[]): Unsampled[] {
  const whole: Unsampled[] = [];
  for (const part of parts) {
    const last = whole.at(-1);
    if (last && part.from <= last.to) {
      whole.splice(-1, 1, { from: last.from, to: last.to < part.to ? part.to : last.to });
    } else whole.push(part);
  }
  return whole;
}
