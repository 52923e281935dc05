/** A restore's record as the contract's Restore. */
import type { RestoreRecord } from '../../catalog/types.ts';
import type { RestoreView } from '../schemas/restore.ts';
import { given, wallClock, wholeSeconds } from './format.ts';
import { progressView } from './progress.ts';

export function restoreView(record: RestoreRecord): RestoreView {
  return {
    id: record.id,
    service_id: record.serviceId,
    service_name: record.serviceName,
    backup_id: record.backupId,
    key: record.backupId,
    bucket: record.bucket,
    type: record.type,
    mode: record.mode,
    status: record.status,
    message: record.message,
    created_at: wholeSeconds(record.createdAt),
    ...given('finished_at', record.finishedAt && wholeSeconds(record.finishedAt)),
    ...given('point_in_time', record.pointInTime && wallClock(record.pointInTime)),
    ...given('reached', record.reached),
    ...given('progress', record.progress && progressView(record.progress)),
    workflow_id: record.workflowId,
  };
}
