/** The part of the catalog that knows the archived binlogs. */
import type {
  FollowReport,
  FollowState,
  HoleFacts,
  SegmentFacts,
  TimelineFacts,
} from '../domain/archive/facts.ts';

/**
 * Segments that follow one another without a gap, as one: what is asked for first, and small however old a service is.
 * Kept together with the segments.
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
  /**
   * The instants that it covers: `t0` of its first and of its last sample, or of its events where nobody sampled. Left
   * out while it has neither.
   */
  fromTime?: string;
  toTime?: string;
  /** Parts of that time in which nobody looked at the commit clock. */
  unsampled: { from: string; to: string }[];
  /** Of the binlogs, and of the objects that hold them. */
  bytes: number;
  storedBytes: number;
  segments: number;
}

export interface ArchiveCatalog {
  /** One transaction. What is known already changes nothing; a hole that goes on is ended by the same one with an end. */
  recordArchive(serviceId: string, report: FollowReport): Promise<void>;
  findFollowState(serviceIds: readonly string[]): Promise<Map<string, FollowState>>;
  /** All timelines, stretches and holes of a service: few, whatever its age. */
  archiveFacts(serviceId: string): Promise<{
    timelines: TimelineFacts[];
    stretches: StretchFacts[];
    holes: HoleFacts[];
  }>;
  /** The segments of one binlog file, by timeline and start. */
  segmentsOfFile(serviceId: string, file: string): Promise<SegmentFacts[]>;
  /** The segments of one timeline from a place on, in their order. @param limit of segments */
  segmentsFrom(
    serviceId: string,
    from: { timeline: string; file: string; position: number },
    limit: number,
  ): Promise<SegmentFacts[]>;
  /** Forgets segments; their objects are removed. Stretches are cut accordingly. */
  forgetSegments(
    serviceId: string,
    segments: readonly { timeline: string; file: string; start: number; end: number }[],
  ): Promise<void>;
}
