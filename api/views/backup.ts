/** A backup's record as the contract's Backup. */
import type { CopyRecord } from '../../catalog/copy-types.ts';
import type { BackupRecord } from '../../catalog/types.ts';
import { forgottenLocation } from '../../domain/copies.ts';
import type { ServiceDefaults } from '../../domain/service-settings.ts';
import { bytesForPeople } from '../../domain/sizes.ts';
import type { Parts } from '../context.ts';
import type { BackupView } from '../schemas/backup.ts';
import { given, wallClock, wholeSeconds } from './format.ts';
import { progressView } from './progress.ts';

export function backupView(record: BackupRecord, copies: readonly CopyView[] = []): BackupView {
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
    ...(copies.length > 0 && { copies: [...copies] }),
  };
}

/** The copies of these backups, as they are shown with them. */
export async function copiesOf(
  { catalog, defaults }: Pick<Parts, 'catalog' | 'defaults'>,
  records: readonly BackupRecord[],
): Promise<Map<string, CopyView[]>> {
  const found = await catalog.findCopies(records.map(({ id }) => id));
  const { copyLocations: order } = defaults;
  return new Map(
    [...found].map(([id, copies]) => {
      const sorted = copies.toSorted((a, b) => order.indexOf(a.location) - order.indexOf(b.location));
      return [id, sorted.map((copy) => copyView(copy, defaults))];
    }),
  );
}

type CopyView = NonNullable<BackupView['copies']>[number];

function copyView({ location, status, message, updatedAt }: CopyRecord, defaults: ServiceDefaults): CopyView {
  const known = defaults.copyLocations.includes(location);
  return {
    location,
    status,
    message: known ? message : `${message} ${forgottenLocation}`,
    updated_at: wholeSeconds(updatedAt),
  };
}
