/** The shape of a manifest, strictly: an unknown field is refused, because it may mean something for a restore. */
import { z } from 'zod';
import { memberKinds } from '../domain/layout.ts';
import { backupTypes } from '../domain/operations.ts';
import { manifestFormat, type Manifest } from '../domain/manifest.ts';

const size = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 hex digits');
const instant = z.iso.datetime({ error: 'a time in UTC: 2026-01-31T23:59:59.000Z' });

const point = z.strictObject({ file: z.string(), position: size, gtid: z.string() });

const part = z.strictObject({ key: z.string().min(1), bytes: size, sha256 });

const stream = z.strictObject({
  name: z.string().min(1),
  bytes: size,
  parts: z.array(part).min(1),
});

export const layoutSchema = z.strictObject({
  members: z.array(
    z.strictObject({
      kind: z.enum(memberKinds),
      directory: z.string(),
      mountPoint: z.boolean(),
      files: z.array(z.string()),
    }),
  ),
  innodbDataFiles: z.array(z.string()),
  innodbPageSize: size,
  lowerCaseTableNames: size,
  binlogBasename: z.string(),
  obstacles: z.array(z.string()),
});

/** Parsing gives the fields in this order, whatever their order was: it is the order in which they are written. */
export const manifestSchema: z.ZodType<Manifest> = z.strictObject({
  format: z.int().min(1).max(manifestFormat),
  backupId: z.string(),
  serviceId: z.string(),
  serviceName: z.string(),
  type: z.enum(backupTypes),
  deploymentId: z.string(),
  workflowId: z.string(),
  agentId: z.string(),
  lineage: z.strictObject({
    parent: z.string(),
    server: z.string().default(''),
    timeline: z.string().exactOptional(),
    fromLsn: size,
    toLsn: size,
    lastLsn: size,
  }),
  binlog: point.optional(),
  server: z.strictObject({ version: z.string(), name: z.string(), layout: layoutSchema }),
  tool: z.strictObject({ name: z.string(), version: z.string() }),
  range: z.strictObject({ timeline: z.string(), from: point, to: point }).optional(),
  dump: z
    .strictObject({
      databases: z.array(z.string()),
      whole: z.boolean(),
      looseTables: z.array(z.string()).exactOptional(),
    })
    .optional(),
  memoryTables: z.array(z.string()),
  atRest: z
    .strictObject({ plugin: z.string(), settings: z.array(z.string()), keyIds: z.array(size) })
    .exactOptional(),
  pipeline: z.strictObject({ compression: z.literal('zstd'), recipients: z.array(z.string()) }),
  uncompressedBytes: size,
  dataBytes: size.default(0),
  storedBytes: size,
  startedAt: instant,
  endedAt: instant,
  pointInTime: instant,
  streams: z.array(stream),
});
