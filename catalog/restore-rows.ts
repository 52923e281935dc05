/** A restore's row as a record. */
import { present } from './columns.ts';
import type { RestoreRow } from './schema.ts';
import type { RestoreRecord } from './types.ts';
import { undoOf } from './undo-rows.ts';

export function recordOf(row: RestoreRow): RestoreRecord {
  return {
    id: row.id,
    organization: row.organization,
    serviceId: row.service_id,
    serviceName: row.service_name,
    backupId: row.backup_id,
    mode: row.mode,
    type: row.type,
    bucket: row.bucket,
    status: row.status,
    message: row.message,
    createdAt: row.created_at,
    workflowId: row.workflow_id,
    ...present({
      finishedAt: row.finished_at,
      pointInTime: row.point_in_time,
      progress: row.progress === null ? undefined : (JSON.parse(row.progress) as RestoreRecord['progress']),
      foreign: row.external_bucket_id === null ? undefined : (true as const),
      recovery: row.recovery === null ? undefined : (JSON.parse(row.recovery) as RestoreRecord['recovery']),
      reached: row.reached === null ? undefined : (JSON.parse(row.reached) as RestoreRecord['reached']),
      part: row.part === null ? undefined : (JSON.parse(row.part) as RestoreRecord['part']),
    }),
    ...undoOf(row),
  };
}
