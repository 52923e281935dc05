/** What the archive of binlogs knows of a service, and what was proved of it. Additions of ours. */
import { z } from '@hono/zod-openapi';

/** The path segment of one service. */
export const serviceId = z.strictObject({ id: z.string().openapi({ description: 'A service id' }) });

export const binlogFile = z.strictObject({
  id: z.string().openapi({ description: 'A service id' }),
  file: z
    .string()
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/, 'the name of a binlog, such as binlog.000007')
    .openapi({ example: 'binlog.000007' }),
});

export const binlogSegments = z
  .strictObject({
    service_id: z.string(),
    file: z.string(),
    segments: z.array(
      z.strictObject({
        timeline: z.string(),
        object: z.string().openapi({ description: 'Its key in the storage' }),
        start: z.int(),
        end: z.int(),
        sha256: z.string(),
        size_bytes: z.int(),
        recipients: z
          .array(z.string())
          .openapi({ description: 'Who can decrypt it; empty: it is not encrypted' }),
      }),
    ),
  })
  .openapi('BinlogSegments');

export type BinlogSegmentView = z.infer<typeof binlogSegments>['segments'][number];
