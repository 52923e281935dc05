/** Where in the archive the transactions of a time lie: arithmetic on what the catalog knows. */
import { TidemarkError } from '../errors.ts';
import type { BinlogPoint, SegmentFacts } from './facts.ts';
import { meeting } from './header.ts';
import { microInstant, microseconds } from './instants.ts';
import type { BinlogRange } from './plan-types.ts';
import type { Archive } from './reach.ts';
import { comparePlaces, sampledWithin, type StretchFacts } from './stretches.ts';
import type { TransactionCursor } from './transactions.ts';

export interface ListingSpan {
  /** Instants. */
  from?: string | undefined;
  to?: string | undefined;
  /** Left out: the current one with its ancestors, each as far as it was left. */
  timeline?: string | undefined;
  /** Where the list before ended. */
  after?: TransactionCursor | undefined;
}

/**
 * The ranges of binlogs that have to be looked at, the oldest first.
 *
 * @throws invalid_request for a timeline that there is not
 */
export function rangesOfListing(archive: Archive, span: ListingSpan): BinlogRange[] {
  const path = [...archive.path(requireTimeline(archive, span.timeline) ?? archive.current)].toReversed();
  const { after } = span;
  const begin = after ? path.findIndex(([timeline]) => timeline === after.timeline) : 0;
  if (begin < 0 || (after && isBehindAll(archive, path[begin]!, after))) throw refusedCursor();
  return path.slice(begin).flatMap(([timeline, { branch }]) =>
    archive.facts.stretches
      .filter((stretch) => stretch.timeline === timeline && isOf(stretch, span))
      .map((stretch): BinlogRange => {
        const starts: BinlogPoint[] = [{ file: stretch.fromFile, position: stretch.fromPosition }];
        const begins = archive.begins(timeline);
        if (begins) starts.push(begins);
        if (after?.timeline === timeline) starts.push(after);
        const ends: BinlogPoint[] = [{ file: stretch.toFile, position: stretch.toPosition }];
        if (branch) ends.push(branch);
        return { timeline, from: place(starts, 1), to: place(ends, -1) };
      })
      .filter(({ from, to }) => comparePlaces(from, to) < 0),
  );
}

/** Whether a place is behind all that was ever listed of its timeline: no list has ended there. */
function isBehindAll(
  { facts }: Archive,
  [timeline, { branch }]: [string, { branch?: BinlogPoint }],
  after: TransactionCursor,
): boolean {
  const ends = facts.stretches
    .filter((stretch) => stretch.timeline === timeline)
    .map(({ toFile, toPosition }): BinlogPoint => ({ file: toFile, position: toPosition }));
  if (ends.length === 0) return false;
  const last = place(ends, 1);
  return comparePlaces(after, branch ? place([last, branch], -1) : last) > 0;
}

function requireTimeline({ facts }: Archive, timeline: string | undefined): string | undefined {
  if (timeline === undefined || facts.timelines.some(({ id }) => id === timeline)) return timeline;
  const known = facts.timelines.map(({ id }) => id).join(', ');
  throw new TidemarkError(
    'invalid_request',
    `The parameter "timeline" has to be a timeline of the service, not "${timeline.slice(0, 100)}". ` +
      (known === '' ? 'It has none: nothing of its binlog is archived.' : `It has ${known}.`),
  );
}

export function refusedCursor(): TidemarkError {
  return new TidemarkError(
    'invalid_request',
    'The parameter "after" has to be the "next" of a list with the same "timeline".',
  );
}

/** The last (1) or the first (-1) of some places. */
function place(places: readonly BinlogPoint[], sign: 1 | -1): BinlogPoint {
  const [{ file, position } = { file: '', position: 0 }] = places.toSorted(
    (a, b) => sign * comparePlaces(b, a),
  );
  return { file, position };
}

/** Whether something of it may be of the time. */
function isOf({ fromTime, toTime }: StretchFacts, { from, to }: ListingSpan): boolean {
  if (from !== undefined && toTime !== undefined && toTime < shifted(from, -1)) return false;
  return to === undefined || fromTime === undefined || fromTime <= shifted(to, 1);
}

/** Samples are that far apart at most. */
function shifted(time: string, sign: 1 | -1): string {
  return microInstant(Math.max(0, microseconds(time) + sign * sampledWithin));
}

/** Whether all of a segment is later than an instant; of one in which nobody sampled its events tell. */
export function isBehind(segment: SegmentFacts, time: string | undefined): boolean {
  const first = segment.sampledFrom ?? segment.firstEventAt;
  return time !== undefined && first !== undefined && first > shifted(time, 1);
}

/** Those that together are their files, each once, as far as they follow one another. @param segments of one timeline */
export function followingOf<T extends SegmentFacts>(segments: readonly T[]): T[] {
  const files = Map.groupBy(segments, ({ file }) => file);
  return [...files.values()].flatMap((file) => {
    const sorted = file.toSorted((a, b) => a.start - b.start || b.end - a.end);
    return meeting(sorted).segments;
  });
}
