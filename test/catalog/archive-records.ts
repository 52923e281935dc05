/** Archived binlogs for tests: files of one megabyte, a segment of each at a time, one transaction a kilobyte. */
import type { FollowReport, SegmentFacts } from '../../domain/archive/facts.ts';
import { microInstant } from '../../domain/archive/instants.ts';

export const fileBytes = 1_000_000;
const base = 1_750_000_000_000_000;

/** The instant at which the byte at `position` of a file was written: a file takes 1,000 s. */
export function instantAt(number: number, position: number): string {
  return microInstant(base + (number - 1) * 1_000_000_000 + position * 1000);
}

export function gtidAt(number: number, position: number): string {
  const transactions = (number - 1) * 1000 + Math.floor(position / 1000);
  return transactions === 0 ? '' : `0-1-${transactions}`;
}

export function fileName(number: number): string {
  return `binlog.${String(number).padStart(6, '0')}`;
}

/** Bytes `start` to `end` of a file; with samples all through. */
export function segment(
  timeline: string,
  number: number,
  [start, end]: readonly [number, number],
  values: Partial<SegmentFacts> = {},
): SegmentFacts {
  const wholeEnd = Math.max(start, Math.floor(end / 1000) * 1000);
  return {
    timeline,
    file: fileName(number),
    start,
    end,
    gtidBefore: gtidAt(number, start),
    wholeEnd,
    gtidAfter: gtidAt(number, wholeEnd),
    firstEventAt: instantAt(number, start),
    lastEventAt: instantAt(number, end),
    sampledFrom: instantAt(number, start),
    sampledTo: instantAt(number, end),
    ...(end === fileBytes && { closed: 'rotate' as const }),
    storedBytes: (end - start) / 4,
    sha256: 'ab'.repeat(32),
    recipients: ['age1example'],
    shippedAt: instantAt(number, end + 1000),
    ...values,
  };
}

export function report(timeline: string, values: Partial<FollowReport> = {}): FollowReport {
  const last = values.segments?.at(-1);
  return {
    timelines: [],
    segments: [],
    joined: [],
    holes: [],
    state: {
      timeline,
      archived: {
        file: last?.file ?? fileName(1),
        position: last?.wholeEnd ?? 0,
        gtid: last?.gtidAfter ?? '',
      },
      lookedAt: last?.shippedAt ?? instantAt(1, 0),
      lagBytes: 0,
      spoolBytes: 0,
      trouble: '',
    },
    ...values,
  };
}
