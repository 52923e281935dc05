/** The shape of what a follower tells, as that of what it writes into the store: names in it become segments of keys. */
import { z } from 'zod';
import {
  type FollowReport,
  type FollowState,
  holeCauses,
  type HoleFacts,
  type SegmentFacts,
} from '../domain/archive/facts.ts';
import { shapes, timelineFields } from './segment-schema.ts';

const { file, gtidList, instant, sha256, size, timelineId } = shapes;
const archivePoint = z.object({ file, position: size, gtid: gtidList });

const segment: z.ZodType<SegmentFacts> = z.object({
  timeline: timelineId,
  file,
  start: size,
  end: size,
  gtidBefore: gtidList,
  wholeEnd: size,
  gtidAfter: gtidList,
  firstEventAt: instant.exactOptional(),
  lastEventAt: instant.exactOptional(),
  sampledFrom: instant.exactOptional(),
  sampledTo: instant.exactOptional(),
  unsampled: z.array(z.object({ from: instant, to: instant })).exactOptional(),
  closed: z.enum(['rotate', 'stop']).exactOptional(),
  storedBytes: size,
  sha256,
  recipients: z.array(z.string()),
  shippedAt: instant,
});

const hole: z.ZodType<HoleFacts> = z.object({
  timeline: timelineId,
  from: archivePoint,
  to: archivePoint.exactOptional(),
  fromTime: instant,
  toTime: instant.exactOptional(),
  cause: z.enum(holeCauses),
  message: z.string(),
  foundAt: instant,
});

const state: z.ZodType<FollowState> = z.object({
  // Empty before it is known which one is followed.
  timeline: z.union([timelineId, z.literal('')]),
  archived: archivePoint,
  archivedTime: instant.exactOptional(),
  server: z.object({ file, position: size }).exactOptional(),
  lookedAt: instant,
  lagBytes: size,
  spoolBytes: size,
  trouble: z.string(),
});

/** A field that is not known is left out: an agent may be of a later version. */
export const reportSchema: z.ZodType<FollowReport> = z.object({
  timelines: z.array(z.object(timelineFields)),
  segments: z.array(segment),
  joined: z.array(z.object({ timeline: timelineId, file, start: size, end: size })),
  holes: z.array(hole),
  state,
});
