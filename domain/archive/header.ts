/**
 * What the header of a segment says: the facts that the catalog keeps, and what only those need who go to the store.
 * A header is written when the segment's bytes are there; from then on the segment exists.
 */
import type { ClockSample, SegmentFacts, TimelineFacts } from './facts.ts';
import { gapsIn } from './stretches.ts';

export const segmentFormat = 1;

/** A transaction begins here: of the first in about every 1 MiB or 1,000 transactions. */
export interface IndexEntry {
  position: number;
  /** `0-1-17` */
  gtid: string;
  /** Of its GTID event, whole seconds. */
  at: string;
}

/** A transaction that has begun and not ended at the end of a segment. */
export interface OpenTransaction {
  gtid: string;
  /** Where its GTID event begins, mostly in an earlier segment. */
  position: number;
  /** It is one statement, with no COMMIT behind it. */
  standalone: boolean;
}

export interface SegmentHeader extends Omit<SegmentFacts, 'unsampled'> {
  format: number;
  serviceId: string;
  /**
   * Where the last whole event ends: `end`, but when an event is larger than a segment may be. Then it can even be
   * before `start`.
   */
  eventEnd: number;
  /**
   * The whole GTID state at `start`, and where `gtidAfter` is: of each domain the last of every server, the newest of
   * all last, as a Gtid_list event has it.
   */
  stateBefore: string;
  stateAfter: string;
  open?: OpenTransaction;
  /** The file that follows, where the event that closes this one names it. */
  nextFile?: string;
  /** SHA-256 of the binlog's own bytes in it, the IN_USE flag cleared. */
  plainSha256: string;
  /** SHA-256 of the file's format description (IN_USE cleared) and Gtid_list; of segments that begin at 0. */
  head?: string;
  server: {
    /** As the file's format description has it. */
    version: string;
    /** Of the format description. */
    serverId: number;
    checksum: 'NONE' | 'CRC32';
    /** The server keeps the file encrypted. */
    encrypted: boolean;
  };
  index: IndexEntry[];
  /** In their order; between two of one position nothing was written. */
  clock: ClockSample[];
  agentId: string;
}

/** A range of a file of a timeline. */
export interface SegmentPlace {
  timeline: string;
  file: string;
  start: number;
  end: number;
}

/**
 * The archive of one service as a follower needs it. What it throws are a store's errors, object_damaged for what is
 * there and wrong, and not_available for what a later version wrote.
 */
export interface SegmentArchive {
  /** In the order in which they were made. */
  timelines(signal?: AbortSignal): Promise<TimelineFacts[]>;
  /** The same may be written again. @throws object_exists when there is another of this id */
  createTimeline(timeline: TimelineFacts, signal?: AbortSignal): Promise<void>;
  /** The names of the files of a timeline of which anything is there, in their order. */
  files(timeline: string, signal?: AbortSignal): AsyncIterable<string>;
  /** The headers of one file by start, of several with one start the longest first. */
  headers(timeline: string, file: string, signal?: AbortSignal): AsyncIterable<SegmentHeader>;
  /** The header of one segment. @throws object_missing when it is not there, or was joined with others */
  header(segment: SegmentPlace, signal?: AbortSignal): Promise<SegmentHeader>;
  /**
   * Puts the body, then the header. May be called again with the same.
   *
   * @param body whose SHA-256 and size the header has
   * @throws object_exists
   */
  put(header: SegmentHeader, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /**
   * The stored bytes of a segment: zstd, and age around it where it has recipients.
   *
   * @throws object_missing; object_damaged when they are not those that the header names
   */
  body(header: SegmentFacts, signal?: AbortSignal): Promise<Buffer>;
  /** The header first. What is not there is no error. */
  remove(segment: SegmentPlace, encrypted: boolean, signal?: AbortSignal): Promise<void>;
}

/** What the catalog keeps of a header. */
export function factsOf(header: SegmentHeader): SegmentFacts {
  const { firstEventAt, lastEventAt, sampledFrom, sampledTo, closed } = header;
  const unsampled = gapsIn(header.clock);
  return {
    timeline: header.timeline,
    file: header.file,
    start: header.start,
    end: header.end,
    gtidBefore: header.gtidBefore,
    wholeEnd: header.wholeEnd,
    gtidAfter: header.gtidAfter,
    ...(firstEventAt !== undefined && { firstEventAt }),
    ...(lastEventAt !== undefined && { lastEventAt }),
    ...(sampledFrom !== undefined && { sampledFrom }),
    ...(sampledTo !== undefined && { sampledTo }),
    ...(unsampled.length > 0 && { unsampled }),
    ...(closed !== undefined && { closed }),
    storedBytes: header.storedBytes,
    sha256: header.sha256,
    recipients: header.recipients,
    shippedAt: header.shippedAt,
  };
}

/**
 * The segments that together are the file, each once: where small ones were joined, those that are still there beside
 * the larger one are left out.
 *
 * @param headers by start, the longest first
 * @returns those that meet, from the first on; `gap` where the next one does not begin where they end
 */
export function meeting<T extends Pick<SegmentPlace, 'start' | 'end'>>(
  headers: readonly T[],
): { segments: T[]; gap?: { from: number; to: number } } {
  const segments: T[] = [];
  let end = headers[0]?.start ?? 0;
  for (const header of headers) {
    if (header.end <= end) continue;
    if (header.start > end) return { segments, gap: { from: end, to: header.start } };
    // One that begins inside what is there already cannot be of the same cut.
    if (header.start < end) continue;
    segments.push(header);
    end = header.end;
  }
  return { segments };
}

/** What the bytes of a segment are when they are stored. */
export type StoredBytes = Pick<
  SegmentHeader,
  'plainSha256' | 'storedBytes' | 'sha256' | 'recipients' | 'shippedAt'
>;

/** The header of one segment in place of several that meet. @param parts by start, one at least */
export function joinedHeader(parts: readonly SegmentHeader[], stored: StoredBytes): SegmentHeader {
  const [first, last] = [parts[0]!, parts.at(-1)!];
  const { open: _, closed: __, nextFile: ___, head: ____, ...common } = first;
  const whole = parts.findLast(({ wholeEnd, start }) => wholeEnd > start);
  const firstEventAt = parts.find((part) => part.firstEventAt !== undefined)?.firstEventAt;
  const lastEventAt = parts.findLast((part) => part.lastEventAt !== undefined)?.lastEventAt;
  // What stands where two meet says both have it.
  const clock = parts
    .flatMap((part) => part.clock)
    .filter((sample, index, all) => index === 0 || sample.t0 !== all[index - 1]!.t0);
  return {
    ...common,
    end: last.end,
    wholeEnd: whole?.wholeEnd ?? first.start,
    eventEnd: last.eventEnd,
    gtidAfter: last.gtidAfter,
    stateAfter: last.stateAfter,
    ...(last.open && { open: last.open }),
    ...(firstEventAt !== undefined && { firstEventAt }),
    ...(lastEventAt !== undefined && { lastEventAt }),
    ...sampledOf(clock),
    ...(last.closed && { closed: last.closed }),
    ...(last.nextFile !== undefined && { nextFile: last.nextFile }),
    ...(first.head !== undefined && { head: first.head }),
    server: { ...last.server, encrypted: parts.some(({ server }) => server.encrypted) },
    index: parts.flatMap(({ index }) => index),
    clock,
    ...stored,
  };
}

/** From when to when samples were taken. */
export function sampledOf(clock: readonly ClockSample[]): Pick<SegmentFacts, 'sampledFrom' | 'sampledTo'> {
  const [first, last] = [clock[0], clock.at(-1)];
  return first && last ? { sampledFrom: first.t0, sampledTo: last.t0 } : {};
}
