/** Backups in the contract's words. */
import { z } from '@hono/zod-openapi';
import { copyStatuses } from '../../domain/copies.ts';
import { backupTypes, operationStatuses } from '../../domain/operations.ts';
import { instant, oneOf, paging, progress, serviceFilter, wallClock } from './common.ts';

/** Names that the vendor's own scripts send, and what they mean. */
export const typeAliases = { physical: 'full', logical: 'dump' } as const;

/** Every word that `type` and `backup_type` may have in a request. */
export const requestedType = oneOf([...backupTypes, 'physical', 'logical', 'snapshot']);

/** The path segment of one backup. */
export const backupId = z.strictObject({
  id: z.string().openapi({ description: 'A backup id, as GET /backups lists it' }),
});

const copyOfBackup = z.strictObject({
  location: z.string().openapi({ example: 'gs://backups-elsewhere/production' }),
  status: z.enum(copyStatuses).openapi({
    description:
      'Succeeded: whole and checked, and restores can read it. Failed: it is tried again by itself',
  }),
  message: z.string(),
  updated_at: instant,
});

export const backup = z
  .strictObject({
    id: z.string(),
    service_id: z.string(),
    service_name: z.string(),
    type: z.enum(backupTypes),
    method: z.enum(['skybucket', 'external']),
    server_pod: z.string(),
    cloud_provider: z.string().optional(),
    status: z.enum(operationStatuses),
    message: z.string(),
    start_time: instant.optional(),
    end_time: instant.optional(),
    point_in_time: wallClock.optional(),
    reference_full_backup: z.string(),
    binlog_file: z.string().optional(),
    binlog_position: z.string().optional(),
    binlog_gtid_position: z.string().optional(),
    backup_size: z.int(),
    storage_bytes: z.int(),
    disk_size: z.string(),
    disk_size_bytes: z.int(),
    is_external_storage: z.boolean(),
    schedule_id: z.int(),
    progress: progress.optional(),
    copies: z.array(copyOfBackup).optional().openapi({
      description: 'Where else it is kept; left out when it is to be nowhere else',
    }),
  })
  .openapi('Backup');

export const backupList = z
  .strictObject({ backups: z.array(backup), backups_count: z.int(), pages_count: z.int() })
  .openapi('BackupList');

export const removedBackups = z
  .strictObject({
    removed: z.array(z.string()).openapi({
      description:
        'Ids of the backups that are, or with dry_run would be, removed: the one that was asked for is the last',
    }),
    storage_bytes: z.int().openapi({ description: 'What that frees; copies come besides' }),
  })
  .openapi('RemovedBackups');

export const backupFilter = { status: oneOf(operationStatuses).optional(), type: requestedType.optional() };

export const backupListQuery = z.strictObject({ ...paging, service_id: serviceFilter, ...backupFilter });

export type BackupView = z.infer<typeof backup>;
export type RemovedBackupsView = z.infer<typeof removedBackups>;
export type BackupListView = z.infer<typeof backupList>;
