/** Schedules: so far one-time ones, each with the one backup that it ordered. */
import type { Transaction } from 'kysely';
import type { BackupType, OperationStatus } from '../domain/operations.ts';
import { isCountedId, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import type { ScheduleRow, Tables } from './schema.ts';
import type { Catalog, ScheduleRecord, ServiceRecord } from './types.ts';

type ScheduleQueries = Pick<Catalog, 'findSchedule'>;

export function schedulesIn(database: Database): ScheduleQueries {
  return {
    async findSchedule(id, organization) {
      if (!isCountedId(id)) return undefined;
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('schedules')
            .selectAll()
            .where('id', '=', id)
            .where('organization', '=', organization)
            .executeTakeFirst(),
      );
      return row && recordOf(row);
    },
  };
}

/** Inserts a schedule that runs once, now. */
export async function insertOneTimeSchedule(
  transaction: Transaction<Tables>,
  order: {
    organization: string;
    service: ServiceRecord;
    type: BackupType;
    backupId: string;
    message: string;
    createdAt: string;
  },
): Promise<ScheduleRecord> {
  const row = await transaction
    .insertInto('schedules')
    .values({
      organization: order.organization,
      service_id: order.service.serviceId,
      service_name: order.service.serviceName,
      schedule: 'once',
      type: order.type,
      status: 'Scheduled',
      message: prose(order.message),
      suspended: 0,
      labels: '{}',
      created_at: order.createdAt,
      updated_at: order.createdAt,
      scheduled_at: null,
      backup_id: order.backupId,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return recordOf(row);
}

/** Makes the one-time schedule of a backup say what the backup says. A cron schedule tells its own story. */
export async function followBackup(
  transaction: Transaction<Tables>,
  backupId: string,
  scheduleId: number,
  change: { status?: OperationStatus; message?: string; startedAt?: string },
): Promise<void> {
  const { status, message, startedAt } = change;
  if (status === undefined && message === undefined) return;
  const time = now();
  await transaction
    .updateTable('schedules')
    .set(present({ status, message }))
    .set('updated_at', time)
    .$if(status === 'Running', (query) =>
      // Taken up once; a workflow that says so again after a crash does not move the time.
      query.set((eb) => ({ scheduled_at: eb.fn.coalesce('scheduled_at', eb.val(startedAt ?? time)) })),
    )
    .where('id', '=', scheduleId)
    .where('schedule', '=', 'once')
    .where('backup_id', '=', backupId)
    .execute();
}

function recordOf(row: ScheduleRow): ScheduleRecord {
  return {
    id: row.id,
    organization: row.organization,
    serviceId: row.service_id,
    serviceName: row.service_name,
    schedule: row.schedule,
    type: row.type,
    status: row.status,
    message: row.message,
    suspended: row.suspended === 1,
    labels: JSON.parse(row.labels) as ScheduleRecord['labels'],
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    ...present({ scheduledAt: row.scheduled_at, backupId: row.backup_id }),
  };
}
