/** Runs of schedules that repeat: each begins a backup, or says why it does not. */
import type { Transaction } from 'kysely';
import { insertBackup, recordOf as backupOf } from './backups.ts';
import { instant, isCountedId, now } from './columns.ts';
import type { Database } from './database.ts';
import { insertPlace } from './places.ts';
import { recordOf as scheduleOf } from './schedules.ts';
import type { ScheduleRow, Tables } from './schema.ts';
import { serviceOf } from './services.ts';
import { unfinished } from './statuses.ts';
import type { RunRefusal } from './schedule-types.ts';
import type { BackupRecord, Catalog, ServiceRecord } from './types.ts';

type RunQueries = Pick<Catalog, 'beginScheduledBackup' | 'skipScheduledBackup'>;

export function scheduledBackupsIn(database: Database): RunQueries {
  return {
    async beginScheduledBackup({ scheduleId, dueAt, backupId: nameBackup, workflowId }) {
      const known = await database.read(async (db) => await findRow(db, scheduleId));
      if (!known) return { refused: 'deleted' };
      return await database.writeAlone(known.service_id, async (db) => {
        const service = serviceOf(
          await db
            .selectFrom('services')
            .selectAll()
            .where('service_id', '=', known.service_id)
            .executeTakeFirstOrThrow(),
        );
        const backupId = nameBackup(service);
        const begun = await db
          .selectFrom('backups')
          .selectAll()
          .where('id', '=', backupId)
          .executeTakeFirst();
        if (begun) return { backup: backupOf(begun) };
        const schedule = await findRow(db, scheduleId);
        const refused = refusalOf(schedule, instant(dueAt));
        if (refused || !schedule) return { refused: refused ?? 'deleted' };
        if (await lastIsOpen(db, schedule)) {
          await skip(db, scheduleId, dueAt);
          return { refused: 'running' };
        }
        const message = `The run due at ${dueAt.slice(0, 10)} ${dueAt.slice(11, 19)} UTC is waiting for its turn.`;
        const backup = await beginBackup(db, {
          service,
          schedule,
          backupId,
          message,
          workflowId: workflowId(backupId),
        });
        return { backup };
      });
    },

    async skipScheduledBackup(scheduleId, dueAt) {
      const row = await database.write(async (db) => await skip(db, scheduleId, dueAt));
      return row && scheduleOf(row, { provider: null, bucket: null });
    },
  };
}

/** Writes down the backup that a schedule begins now, and asks for its place. Alone on the service. */
export async function beginBackup(
  transaction: Transaction<Tables>,
  order: {
    service: ServiceRecord;
    schedule: Pick<ScheduleRow, 'id' | 'type' | 'external_bucket_id'>;
    backupId: string;
    message: string;
    workflowId: string;
  },
): Promise<BackupRecord> {
  const { service, schedule, backupId, message, workflowId } = order;
  const { id: scheduleId, type, external_bucket_id: bucketId } = schedule;
  const createdAt = now();
  const backup = await insertBackup(transaction, {
    service,
    scheduleId,
    type,
    backupId,
    message,
    createdAt,
    bucketId,
  });
  await transaction
    .updateTable('schedules')
    .set({
      backup_id: backupId,
      status: 'Scheduled',
      message,
      updated_at: createdAt,
      begun_at: createdAt,
      counted_from: createdAt,
      skipped_at: null,
    })
    .where('id', '=', scheduleId)
    .execute();
  const { serviceId } = service;
  await insertPlace(transaction, { serviceId, workflowId, operation: `backup ${backupId}`, held: false });
  return backup;
}

async function skip(
  transaction: Transaction<Tables>,
  scheduleId: number,
  dueAt: string,
): Promise<ScheduleRow | undefined> {
  return await transaction
    .updateTable('schedules')
    .set({ skipped_at: instant(dueAt), counted_from: now(), updated_at: now() })
    .where('id', '=', scheduleId)
    .where('suspended', '=', 0)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

/** One that is taken again, after a restore, goes on while Temporal knows of no run. */
async function lastIsOpen(
  transaction: Transaction<Tables>,
  { backup_id: backupId }: ScheduleRow,
): Promise<boolean> {
  if (backupId === null) return false;
  const open = await transaction
    .selectFrom('backups')
    .select('id')
    .where('id', '=', backupId)
    .where(unfinished)
    .executeTakeFirst();
  return open !== undefined;
}

function refusalOf(schedule: ScheduleRow | undefined, dueAt: string): RunRefusal | undefined {
  if (!schedule || schedule.deleted_at !== null) return 'deleted';
  if (schedule.suspended === 1) return 'suspended';
  // After an outage more than one run may be owed: the first of them has copied what the others were to copy.
  if (schedule.begun_at !== null && dueAt < schedule.begun_at) return 'covered';
  return undefined;
}

async function findRow(
  db: Pick<Transaction<Tables>, 'selectFrom'>,
  id: number,
): Promise<ScheduleRow | undefined> {
  if (!isCountedId(id)) return undefined;
  return await db
    .selectFrom('schedules')
    .selectAll()
    .where('id', '=', id)
    .where('schedule', '<>', 'once')
    .executeTakeFirst();
}
