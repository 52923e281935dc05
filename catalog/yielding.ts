/**
 * Backups that Tidemark began by itself make way for a restore, and are taken again when it has ended. Both are
 * written down in one transaction: a backup that was called off is never forgotten, and never taken twice for it.
 */
import type { Transaction } from 'kysely';
import { workflowIds } from '../domain/ids.ts';
import { scheduleLabels } from '../domain/schedule.ts';
import { recordOf } from './backups.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { YieldingCatalog } from './schedule-types.ts';
import { beginBackup } from './scheduled-backups.ts';
import { followBackup } from './schedules.ts';
import type { BackupRow, ScheduleRow, Tables } from './schema.ts';
import { serviceOf } from './services.ts';
import { unfinished } from './statuses.ts';

type Queries = Pick<Transaction<Tables>, 'selectFrom'>;

export function yieldingIn(database: Database): YieldingCatalog {
  return {
    async findYielding(serviceId) {
      const rows = await database.read(async (db) => await yieldingRows(db, serviceId));
      return rows.map(recordOf);
    },

    async yieldBackup({ backupId, restoreId, note, againId }) {
      const known = await database.read(async (db) => await findRow(db, backupId));
      if (!known) return undefined;
      return await database.writeAlone(known.service_id, async (db) => {
        const made = await findRow(db, againId);
        if (made) return recordOf(made);
        const schedule = await db
          .selectFrom('schedules')
          .selectAll()
          .where('id', '=', known.schedule_id)
          .executeTakeFirst();
        const obstacle = obstacleOf(schedule);
        const reason =
          `It was cancelled, because restore ${restoreId} needs the service for itself. ` +
          (obstacle ?? `It is taken again when that restore has ended, as backup ${againId}.`);
        const message = [reason, ...note].join(' ');
        const status = 'Cancelled' as const;
        const time = now();
        const ended = await db
          .updateTable('backups')
          .set({ status, message, ended_at: time, updated_at: time })
          .where('id', '=', backupId)
          .where(unfinished)
          .returning('id')
          .executeTakeFirst();
        if (!ended) return undefined;
        await followBackup(db, backupId, known.schedule_id, { status, message });
        if (obstacle !== undefined || !schedule) return undefined;
        const service = await db
          .selectFrom('services')
          .selectAll()
          .where('service_id', '=', known.service_id)
          .executeTakeFirstOrThrow();
        return await beginBackup(db, {
          service: serviceOf(service),
          schedule,
          backupId: againId,
          message: `It is taken in place of backup ${backupId}, which made way for restore ${restoreId}.`,
          workflowId: workflowIds.backup(againId, schedule.id),
        });
      });
    },
  };
}

/** The workflows of a service's backups that make way. */
export async function yieldingWorkflows(
  transaction: Transaction<Tables>,
  serviceId: string,
): Promise<Set<string>> {
  const rows = await yieldingRows(transaction, serviceId);
  return new Set(rows.map(({ id, schedule_id: scheduleId }) => workflowIds.backup(id, scheduleId)));
}

/** Backups that have not ended, of schedules that Tidemark made by itself. */
async function yieldingRows(db: Queries, serviceId: string): Promise<BackupRow[]> {
  const backups = await db
    .selectFrom('backups')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where(unfinished)
    .orderBy('created_at')
    .execute();
  if (backups.length === 0) return [];
  const schedules = await db
    .selectFrom('schedules')
    .select(['id', 'labels'])
    .where(
      'id',
      'in',
      backups.map((backup) => backup.schedule_id),
    )
    .execute();
  const own = new Set(schedules.filter(({ labels }) => isOwn(labels)).map(({ id }) => id));
  return backups.filter((backup) => own.has(backup.schedule_id));
}

function isOwn(labels: string): boolean {
  const { origin } = JSON.parse(labels) as Record<string, string>;
  return origin === scheduleLabels.nightly || origin === scheduleLabels.archive;
}

/** Why a backup is not taken again. */
function obstacleOf(schedule: ScheduleRow | undefined): string | undefined {
  if (!schedule || schedule.deleted_at !== null)
    return 'It is not taken again, because its schedule was deleted.';
  if (schedule.suspended === 1) return 'It is not taken again, because its schedule is suspended.';
  return undefined;
}

async function findRow(db: Queries, id: string): Promise<BackupRow | undefined> {
  return await db.selectFrom('backups').selectAll().where('id', '=', id).executeTakeFirst();
}
