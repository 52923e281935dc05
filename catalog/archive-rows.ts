/** Archived binlogs between their rows and what the house says of them. */
import type { HoleFacts, SegmentFacts, TimelineFacts } from '../domain/archive/facts.ts';
import { microInstant, sortable } from '../domain/archive/instants.ts';
import { comparePlaces, fileNumber, type StretchFacts } from '../domain/archive/stretches.ts';
import { present, prose } from './columns.ts';
import type { SegmentRow, StretchRow } from './schema.ts';

export function segmentRow(serviceId: string, segment: SegmentFacts): SegmentRow {
  return {
    service_id: serviceId,
    timeline: segment.timeline,
    file_number: fileNumber(segment.file),
    file: segment.file,
    start_position: segment.start,
    end_position: segment.end,
    gtid_before: segment.gtidBefore,
    whole_end: segment.wholeEnd,
    gtid_after: segment.gtidAfter,
    first_event_at: time(segment.firstEventAt),
    last_event_at: time(segment.lastEventAt),
    sampled_from: time(segment.sampledFrom),
    sampled_to: time(segment.sampledTo),
    closed: segment.closed ?? null,
    stored_bytes: segment.storedBytes,
    sha256: segment.sha256,
    recipients: JSON.stringify(segment.recipients),
    shipped_at: sortable(segment.shippedAt),
  };
}

export function segmentOf(row: SegmentRow): SegmentFacts {
  return {
    timeline: row.timeline,
    file: row.file,
    start: row.start_position,
    end: row.end_position,
    gtidBefore: row.gtid_before,
    wholeEnd: row.whole_end,
    gtidAfter: row.gtid_after,
    ...present({
      firstEventAt: row.first_event_at,
      lastEventAt: row.last_event_at,
      sampledFrom: row.sampled_from,
      sampledTo: row.sampled_to,
      closed: row.closed,
    }),
    storedBytes: row.stored_bytes,
    sha256: row.sha256,
    recipients: JSON.parse(row.recipients) as string[],
    shippedAt: row.shipped_at,
  };
}

export function stretchRow(serviceId: string, stretch: StretchFacts): StretchRow {
  return {
    service_id: serviceId,
    timeline: stretch.timeline,
    from_file: stretch.fromFile,
    from_position: stretch.fromPosition,
    from_gtid: stretch.fromGtid,
    to_file: stretch.toFile,
    to_position: stretch.toPosition,
    to_gtid: stretch.toGtid,
    end_file: stretch.endFile,
    end_position: stretch.endPosition,
    closed: stretch.closed ?? null,
    from_time: stretch.fromTime ?? null,
    to_time: stretch.toTime ?? null,
    unsampled: JSON.stringify(stretch.unsampled),
    bytes: stretch.bytes,
    stored_bytes: stretch.storedBytes,
    segments: stretch.segments,
  };
}

function stretchOfRow(row: StretchRow): StretchFacts {
  return {
    timeline: row.timeline,
    fromFile: row.from_file,
    fromPosition: row.from_position,
    fromGtid: row.from_gtid,
    toFile: row.to_file,
    toPosition: row.to_position,
    toGtid: row.to_gtid,
    endFile: row.end_file,
    endPosition: row.end_position,
    ...present({ closed: row.closed, fromTime: row.from_time, toTime: row.to_time }),
    unsampled: JSON.parse(row.unsampled) as StretchFacts['unsampled'],
    bytes: row.bytes,
    storedBytes: row.stored_bytes,
    segments: row.segments,
  };
}

/** By timeline and place. */
export function inOrder(rows: readonly StretchRow[]): StretchFacts[] {
  return rows.map(stretchOfRow).toSorted((a, b) => {
    if (a.timeline !== b.timeline) return a.timeline < b.timeline ? -1 : 1;
    return comparePlaces(
      { file: a.fromFile, position: a.fromPosition },
      { file: b.fromFile, position: b.fromPosition },
    );
  });
}

export function timelineText(timeline: TimelineFacts): string {
  const { branchTime, createdAt } = timeline;
  return JSON.stringify({
    ...timeline,
    ...(branchTime !== undefined && { branchTime: sortable(branchTime) }),
    createdAt: sortable(createdAt),
  });
}

export function holeText(hole: HoleFacts): string {
  const { fromTime, toTime, foundAt } = hole;
  return JSON.stringify({
    ...hole,
    fromTime: sortable(fromTime),
    ...(toTime !== undefined && { toTime: sortable(toTime) }),
    message: prose(hole.message),
    foundAt: sortable(foundAt),
  });
}

/** The present, as the archive's instants are written. */
export function nowWritten(): string {
  return microInstant(Date.now() * 1000);
}

function time(text: string | undefined): string | null {
  return text === undefined ? null : sortable(text);
}
