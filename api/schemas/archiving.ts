/** How far the binlog of a service is archived. An addition of ours. */
import { z } from '@hono/zod-openapi';
import { instant } from './common.ts';

export const archivingStatus = z.strictObject({
  state: z.enum(['following', 'waiting', 'off']).openapi({
    description:
      '`following`: what is new is shipped; `waiting`: something keeps it from that, see `message`; `off`: nothing is archived, because of its settings, because the server writes no binlog, or because there is no full backup yet',
  }),
  message: z.string().openapi({
    description:
      'What keeps the binlog from being archived, and where the archive breaks off with no full backup since; empty: nothing',
  }),
  timeline: z.string().optional(),
  binlog_file: z.string().optional(),
  binlog_position: z.string().optional(),
  binlog_gtid_position: z
    .string()
    .optional()
    .openapi({ description: 'Up to here transactions are in the archive, whole' }),
  archived_until: instant
    .optional()
    .openapi({ description: 'Everything that was confirmed by this time is in the archive' }),
  looked_at: instant.optional(),
  lag_seconds: z.int().optional(),
  lag_bytes: z.int().optional(),
  spool_bytes: z.int().optional(),
  worst_lag_seconds: z
    .int()
    .optional()
    .openapi({ description: 'The most that it was behind in the last day' }),
});

export type ArchivingStatusView = z.infer<typeof archivingStatus>;
