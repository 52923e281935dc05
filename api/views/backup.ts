/** A backup's record as the contract's Backup. */
import type { BackupRecord } from '../../catalog/types.ts';
import { bytesForPeople } from '../../domain/sizes.ts';
import type { BackupView } from '../schemas/backup.ts';
import { given, wallClock, wholeSeconds } from './format.ts';
import { progressView } from './progress.ts';

export function backupView(record: BackupRecord): BackupView {
  return {
    id: record.id,
    service_id: record.serviceId,
    service_name: record.serviceName,
    type: record.type,
    method: record.method,
    server_pod: record.serverName,
    ...given('cloud_provider', record.cloudProvider),
    status: record.status,
    message: record.message,
    ...given('start_time', record.startedAt && wholeSeconds(record.startedAt)),
    ...given('end_time', record.endedAt && wholeSeconds(record.endedAt)),
    ...given('point_in_time', record.pointInTime && wallClock(record.pointInTime)),
    reference_full_backup: record.referenceFullBackup,
    ...(record.binlog
      ? {
          binlog_file: record.binlog.file,
          binlog_position: String(record.binlog.position),
          binlog_gtid_position: record.binlog.gtid,
        }
      : {}),
    backup_size: record.storedBytes,
    storage_bytes: record.storedBytes,
    disk_size: bytesForPeople(record.uncompressedBytes),
    disk_size_bytes: record.uncompressedBytes,
    is_external_storage: record.method === 'external',
    schedule_id: record.scheduleId,
    ...given('progress', record.progress && progressView(record.progress)),
  };
}
