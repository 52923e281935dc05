/** Where an archive goes on: what is there of the newest file of a timeline, and from where it has to be read again. */
import { meeting, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import type { TrackStart } from '../../domain/archive/track.ts';

/** A header of more is not joined with others. */
const mostSamples = 50_000;
/** Beyond this a server cannot be asked to begin: the protocol has 32 bits for a position. */
const farthest = 2 ** 32;
/** So many small segments are joined although their file is still open: an hour of a server that writes little. */
const mostSmall = 360;

/** What is archived of the file that is followed. */
export interface Tail {
  timeline: string;
  file: string;
  /** By start, each meeting the one before; one at least. */
  segments: SegmentHeader[];
  /** Those in whose place larger ones are, and that are there all the same. */
  covered: SegmentHeader[];
}

/** @returns undefined where nothing is archived of the timeline */
export async function readTail(
  archive: SegmentArchive,
  timeline: string,
  signal: AbortSignal,
): Promise<Tail | undefined> {
  const files: string[] = [];
  for await (const file of archive.files(timeline, signal)) files.push(file);
  files.sort((a, b) => numberOf(a) - numberOf(b));
  for (const file of files.toReversed()) {
    const headers: SegmentHeader[] = [];
    for await (const header of archive.headers(timeline, file, signal)) headers.push(header);
    const { segments } = meeting(headers);
    const covered = headers.filter((header) => !segments.includes(header) && isCovered(header, segments));
    if (segments.length > 0) return { timeline, file, segments, covered };
  }
  return undefined;
}

function isCovered({ start, end }: SegmentHeader, segments: readonly SegmentHeader[]): boolean {
  return segments.some((segment) => segment.start <= start && segment.end >= end);
}

/** Small segments at the end of a file, which are joined when there are enough of them, or the file is closed. */
export function smallOnes(segments: readonly SegmentHeader[], segmentSize: number): SegmentHeader[] {
  const group: SegmentHeader[] = [];
  let [bytes, samples] = [0, 0];
  for (const segment of segments.toReversed()) {
    bytes += segment.end - segment.start;
    samples += segment.clock.length;
    const large = segment.end - segment.start > segmentSize / 2;
    if (large || bytes > segmentSize || samples > mostSamples) break;
    group.unshift(segment);
  }
  return group;
}

/** Whether small segments are to be joined before another one of `bytes` comes. */
export function isFull(
  group: readonly SegmentHeader[],
  next: { bytes: number; samples: number },
  segmentSize: number,
): boolean {
  const bytes = group.reduce((sum, { start, end }) => sum + end - start, next.bytes);
  const samples = group.reduce((sum, { clock }) => sum + clock.length, next.samples);
  return bytes > segmentSize || samples > mostSamples || group.length >= mostSmall;
}

/** Where reading begins, and what of that is archived already and has to be found the same. */
export interface Resumption {
  start: TrackStart;
  verify: SegmentHeader[];
}

/**
 * Reading begins where the small segments do, so that they can be joined; or before that, where an event ends at which a
 * server can begin.
 */
export function resumption(segments: readonly SegmentHeader[], group: readonly SegmentHeader[]): Resumption {
  for (let index = segments.length - group.length; index > 0; index -= 1) {
    const before = segments[index - 1]!;
    if (before.end !== before.eventEnd || before.end >= farthest) continue;
    const start = { position: before.end, state: before.stateAfter, open: before.open };
    return { start, verify: segments.slice(index) };
  }
  const [first] = segments;
  return { start: { position: 0, state: '' }, verify: first?.start === 0 ? [...segments] : [] };
}

/** `bin.000012` → 12; what is no binlog comes last. */
export function numberOf(file: string): number {
  const [, digits] = /\.(\d+)$/.exec(file) ?? [];
  return digits === undefined ? Infinity : Number(digits);
}
