/** The shape of a segment's header and of a timeline's file, strictly: an unknown field is refused. */
import { z } from 'zod';
import { timelineCauses, type ArchivePoint, type TimelineFacts } from '../domain/archive/facts.ts';
import { microInstant, microseconds } from '../domain/archive/instants.ts';
import { segmentFormat, type SegmentHeader } from '../domain/archive/header.ts';

const size = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 hex digits');
const timelineId = z.string().regex(/^[0-9a-f]{32}$/, '32 hex digits');
const instant = z.iso.datetime({ error: 'a time in UTC: 2026-01-31T23:59:59.000000Z' });
/** Binlogs are files of a directory, and names here are segments of keys. */
const file = z.string().regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]{1,255}$/u, 'the name of a binlog');
const gtidList = z.string().regex(/^(\d+-\d+-\d+(,\d+-\d+-\d+)*)?$/, 'GTIDs as 0-1-17,5-2-3');
const gtid = z.string().regex(/^\d+-\d+-\d+$/, 'a GTID as 0-1-17');

/** Position, GTID, time. */
const indexEntry = z.codec(z.tuple([size, gtid, instant]), z.object({ position: size, gtid, at: instant }), {
  decode: ([position, name, at]) => ({ position, gtid: name, at }),
  encode: ({ position, gtid: name, at }): [number, string, string] => [position, name, at],
});

/** t0 in microseconds since 1970, position, microseconds from t0 to t1: there are ten a second. */
const clockEntry = z.codec(
  z.tuple([size, size, size]),
  z.object({ t0: instant, position: size, t1: instant }),
  {
    decode: ([t0, position, length]) => ({ t0: microInstant(t0), position, t1: microInstant(t0 + length) }),
    encode: ({ t0, position, t1 }): [number, number, number] => {
      const from = microseconds(t0);
      return [from, position, Math.max(0, microseconds(t1) - from)];
    },
  },
);

/** Encoding gives the fields in this order: it is the order in which they are written. */
export const segmentSchema: z.ZodType<SegmentHeader> = z.strictObject({
  format: z.int().min(1).max(segmentFormat),
  serviceId: z.string(),
  timeline: timelineId,
  file,
  start: size,
  end: size,
  wholeEnd: size,
  eventEnd: size,
  gtidBefore: gtidList,
  gtidAfter: gtidList,
  stateBefore: gtidList,
  stateAfter: gtidList,
  open: z.strictObject({ gtid, position: size, standalone: z.boolean() }).exactOptional(),
  firstEventAt: instant.exactOptional(),
  lastEventAt: instant.exactOptional(),
  sampledFrom: instant.exactOptional(),
  sampledTo: instant.exactOptional(),
  closed: z.enum(['rotate', 'stop']).exactOptional(),
  nextFile: file.exactOptional(),
  head: sha256.exactOptional(),
  plainSha256: sha256,
  storedBytes: size,
  sha256,
  recipients: z.array(z.string()),
  server: z.strictObject({
    version: z.string(),
    serverId: size,
    checksum: z.enum(['NONE', 'CRC32']),
    encrypted: z.boolean(),
  }),
  agentId: z.string(),
  shippedAt: instant,
  index: z.array(indexEntry),
  clock: z.array(clockEntry),
});

const archivePoint: z.ZodType<ArchivePoint> = z.strictObject({ file, position: size, gtid: gtidList });

/** What headers are made of. */
export const shapes = { file, gtidList, instant, sha256, size, timelineId };

/** Of a timeline, wherever it is said. */
export const timelineFields = {
  id: timelineId,
  parent: timelineId.exactOptional(),
  branch: archivePoint.exactOptional(),
  branchTime: instant.exactOptional(),
  replaced: z.strictObject({ file, position: size }).exactOptional(),
  begins: archivePoint,
  cause: z.enum(timelineCauses),
  createdAt: instant,
};

export const timelineSchema: z.ZodType<TimelineFacts & { format: number; serviceId: string }> =
  z.strictObject({
    format: z.int().min(1).max(segmentFormat),
    serviceId: z.string(),
    ...timelineFields,
  });
