/** Restores in the contract's words. */
import { z } from '@hono/zod-openapi';
import { stages } from '../../domain/archive/estimate.ts';
import { operationStatuses, restoreModes } from '../../domain/operations.ts';
import { digits, instant, oneOf, paging, progress, serviceFilter, wallClock } from './common.ts';

/** The path segment of one restore. */
export const restoreId = z.strictObject({ id: digits(1, Number.MAX_SAFE_INTEGER) });

/** The last undo of a restore that was asked for. */
const undo = z
  .strictObject({
    status: z.enum(operationStatuses),
    message: z.string(),
    force: z.boolean(),
    created_at: instant,
    finished_at: instant.optional(),
    not_serving_ms: z.int().optional(),
    progress: progress.optional(),
    workflow_id: z.string(),
  })
  .openapi({ description: 'The last undo that was asked for' });

export const restore = z
  .strictObject({
    id: z.int(),
    service_id: z.string(),
    service_name: z.string(),
    backup_id: z.string(),
    key: z.string(),
    bucket: z.string(),
    type: z.enum(['physical', 'logical']),
    mode: z.enum(restoreModes),
    status: z.enum(operationStatuses),
    message: z.string(),
    created_at: instant,
    finished_at: instant.optional(),
    point_in_time: wallClock.optional(),
    gtid: z.string().optional().openapi({ description: 'It was to stop just after this transaction' }),
    before_gtid: z.string().optional().openapi({ description: 'It was to stop just before it' }),
    reached: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .optional()
      .openapi({ description: 'not_after, gtid, timeline, binlog_file, binlog_position' }),
    progress: progress.optional(),
    workflow_id: z.string(),
    previous_kept_until: instant.optional().openapi({
      description:
        'Until when at the latest the data that it replaced is kept and the restore can be undone; left out where it is not kept. Short room ends it earlier.',
    }),
    undo: undo.optional(),
    include: z.array(z.string()).optional().openapi({ description: 'Of a restore of part of a backup' }),
    as: z.string().optional(),
  })
  .openapi('Restore');

/** What `dry_run` answers with. Sizes in bytes. */
export const restorePlan = z
  .strictObject({
    service_id: z.string(),
    backup_id: z.string(),
    mode: z.enum(restoreModes),
    chain: z
      .array(z.string())
      .openapi({ description: 'Ids of the backups that are applied, in their order' }),
    reason: z.string().openapi({ description: 'Why it begins with this backup' }),
    point_in_time: wallClock.optional(),
    stop: z
      .strictObject({
        at: z.enum(['backup', 'end', 'time', 'gtid']),
        timeline: z.string().optional(),
        gtid: z.string().optional(),
        binlog_file: z.string().optional(),
        binlog_position: z.string().optional(),
        not_after: z.string().optional(),
      })
      .openapi({
        description:
          'Where it stops: at the own instant of the backup, at the end of the binlogs, or in them; the position where it is known. Nothing that was written after `not_after` is brought back',
      }),
    binlogs: z
      .strictObject({ files: z.int(), segments: z.int(), bytes: z.int(), stored_bytes: z.int() })
      .optional()
      .openapi({ description: 'What is replayed after the backup' }),
    external: z
      .strictObject({ form: z.string(), databases: z.array(z.string()).optional() })
      .optional()
      .openapi({
        description:
          'Of a backup that Tidemark did not make: what it is, and its databases; they are left out where all of it has to be unpacked to know them',
      }),
    versions: z.strictObject({ backup: z.string(), server: z.string() }),
    recipients: z
      .array(z.string())
      .openapi({ description: 'age public keys: the identities of these open what is fetched' }),
    bytes_to_fetch: z.int(),
    bytes_needed: z.int(),
    bytes_free: z.int(),
    estimated_seconds: z.int(),
    estimated_by: z
      .array(
        z.strictObject({
          stage: z.enum(stages),
          bytes: z.int(),
          seconds: z.number(),
          measured: z.int(),
          last_measured: instant.optional(),
        }),
      )
      .openapi({
        description:
          'What the estimate is made of: each stage, its bytes, and by how many restores or drills on this host its rate was measured; 0: it is that of the settings',
      }),
    estimated_not_serving_seconds: z.int(),
    warnings: z.array(z.string()),
  })
  .openapi('RestorePlan');

export const restoreList = z
  .strictObject({ restores: z.array(restore), restores_count: z.int(), pages_count: z.int() })
  .openapi('RestoreList');

export const restoreListQuery = z.strictObject({
  ...paging,
  service_id: serviceFilter,
  type: oneOf(['physical', 'logical']).optional(),
  status: oneOf(operationStatuses).optional(),
});

export type RestoreView = z.infer<typeof restore>;
export type RestorePlanView = z.infer<typeof restorePlan>;
