/** The part of the catalog that knows the archived binlogs. */
import type {
  FollowReport,
  FollowState,
  HoleFacts,
  SegmentFacts,
  TimelineFacts,
} from '../domain/archive/facts.ts';
import type { SegmentSearch } from './archive-search.ts';
import type { RecoveryCatalog } from './recovery-facts.ts';
import type { StretchFacts } from '../domain/archive/stretches.ts';

export interface ArchiveCatalog extends RecoveryCatalog, SegmentSearch {
  /**
   * One transaction. What is known already changes nothing; a hole that goes on is ended by the same one with an end.
   *
   * @param options `alarm`: new timelines and holes that break the archive are to be decided about, see BreakCatalog;
   *   default: they are old news
   * @returns where the follower stands, with what was known before; and how far the archive was behind until then, in
   *   seconds, where that is known
   */
  recordArchive(
    serviceId: string,
    report: FollowReport,
    options?: { alarm?: boolean },
  ): Promise<{ state: FollowState; lagSeconds?: number }>;
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
