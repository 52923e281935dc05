/** A schedule's record as the contract's Schedule. */
import type { ScheduleRecord } from '../../catalog/types.ts';
import type { ScheduleView } from '../schemas/schedule.ts';
import { given, wholeSeconds } from './format.ts';

/** @param cloudProvider of the service; empty when unknown */
export function scheduleView(record: ScheduleRecord, cloudProvider: string): ScheduleView {
  return {
    id: record.id,
    service_id: record.serviceId,
    service_name: record.serviceName,
    schedule: record.schedule,
    type: record.type,
    status: record.status,
    message: record.message,
    suspended: record.suspended,
    labels: record.labels,
    ...given('cloud_provider', cloudProvider),
    created_at: wholeSeconds(record.createdAt),
    updated_at: wholeSeconds(record.updatedAt),
    ...given('scheduled_at', record.scheduledAt && wholeSeconds(record.scheduledAt)),
    ...given('backup_id', record.backupId),
  };
}
