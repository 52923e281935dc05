/** A schedule's record as the contract's Schedule. */
import type { ScheduleRecord } from '../../catalog/schedule-types.ts';
import { bucketPathOf } from '../../domain/bucket-path.ts';
import { tellSchedule } from '../../domain/schedule.ts';
import type { ScheduleView } from '../schemas/schedule.ts';
import { given, wholeSeconds } from './format.ts';

/** @param now what is said of the next run depends on it; milliseconds since 1970 */
export function scheduleView(record: ScheduleRecord, now: number): ScheduleView {
  const { status, message, scheduledAt } = tellSchedule(record, now);
  return {
    id: record.id,
    service_id: record.serviceId,
    service_name: record.serviceName,
    schedule: record.schedule,
    type: record.type,
    status,
    message,
    suspended: record.suspended,
    labels: record.labels,
    ...(record.externalLocation !== undefined && {
      external_storage: { bucket: { path: bucketPathOf(record.externalLocation) } },
    }),
    ...given('cloud_provider', record.cloudProvider),
    created_at: wholeSeconds(record.createdAt),
    updated_at: wholeSeconds(record.updatedAt),
    ...given('scheduled_at', scheduledAt && wholeSeconds(scheduledAt)),
    ...given('backup_id', record.backupId),
  };
}
