/** Where archived binlogs break off, and the full backups that are begun for it, each once. */
import { sql, type Transaction } from 'kysely';
import type { ArchiveBreak } from '../domain/archive/breaks.ts';
import { scheduleLabels } from '../domain/schedule.ts';
import { insertBackup } from './backups.ts';
import type { BreakCatalog, BreakRecord } from './break-types.ts';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { insertPlace } from './places.ts';
import { insertOneTimeSchedule } from './schedules.ts';
import type { BreakRow, Tables } from './schema.ts';
import type { BackupRecord, ServiceRecord } from './types.ts';

/** Written out in the query, so that the databases see that their indexes apply. */
const undecided = sql<boolean>`decided = 0`;
const open = sql<boolean>`ended_at is null`;

type FullOrder = NonNullable<Parameters<BreakCatalog['decideBreaks']>[1]>;

export function breaksIn(database: Database): BreakCatalog {
  return {
    async openBreaks(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('archive_breaks')
            .selectAll()
            .where('service_id', 'in', [...serviceIds])
            .where(open)
            .execute(),
      );
      const sorted = rows.toSorted((a, b) => (a.told_at < b.told_at ? -1 : 1));
      const byService = Map.groupBy(sorted, (row) => row.service_id);
      return new Map([...byService].map(([serviceId, found]) => [serviceId, found.map(recordOf)]));
    },

    async servicesWithUndecidedBreaks() {
      const rows = await database.read(
        async (db) =>
          await db.selectFrom('archive_breaks').select('service_id').distinct().where(undecided).execute(),
      );
      return rows.map((row) => row.service_id);
    },

    async decideBreaks(service, full) {
      const { serviceId } = service;
      return await database.writeAlone(serviceId, async (db) => {
        const rows = await db
          .selectFrom('archive_breaks')
          .selectAll()
          .where('service_id', '=', serviceId)
          .where(undecided)
          .execute();
        const breaks = rows.map(recordOf);
        if (breaks.length === 0) return { breaks };
        const last = rows.reduce((latest, row) => (row.found_at > latest ? row.found_at : latest), '');
        const there = await fullAfter(db, serviceId, last);
        const backup = full && there === undefined ? await order(db, service, full, breaks) : undefined;
        await db
          .updateTable('archive_breaks')
          .set({ decided: 1, backup_id: backup?.id ?? there ?? null })
          .where('service_id', '=', serviceId)
          .where(undecided)
          .execute();
        return { breaks, ...(backup && { backup }) };
      });
    },

    async endBreaks(serviceId, begunAt) {
      await database.write(
        async (db) =>
          await db
            .updateTable('archive_breaks')
            .set({ ended_at: now() })
            .where('service_id', '=', serviceId)
            .where(open)
            .where('found_at', '<=', instant(begunAt))
            .execute(),
      );
    },

    async countHoles(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('archive_holes')
            .select(['service_id', (eb) => eb.fn.countAll<number>().as('holes')])
            .where('service_id', 'in', [...serviceIds])
            .groupBy('service_id')
            .execute(),
      );
      return new Map(rows.map((row) => [row.service_id, Number(row.holes)]));
    },

    async newestPoints(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('backups')
            .select(['service_id', (eb) => eb.fn.max('point_in_time').as('newest')])
            .where('service_id', 'in', [...serviceIds])
            .where('status', '=', 'Succeeded')
            .where('point_in_time', 'is not', null)
            .groupBy('service_id')
            .execute(),
      );
      return new Map(rows.flatMap((row) => (row.newest === null ? [] : [[row.service_id, row.newest]])));
    },
  };
}

/** Known ones stay as they are. The transaction has to be alone on the service. */
export async function insertBreaks(
  db: Transaction<Tables>,
  serviceId: string,
  breaks: readonly ArchiveBreak[],
): Promise<void> {
  for (const { id, cause, message, alarming, foundAt } of breaks) {
    await db
      .insertInto('archive_breaks')
      .values({
        service_id: serviceId,
        id,
        cause,
        message: prose(message),
        alarming: alarming ? 1 : 0,
        found_at: instant(foundAt),
        told_at: now(),
        decided: 0,
        backup_id: null,
        ended_at: null,
      })
      .onConflict((conflict) => conflict.columns(['service_id', 'id']).doNothing())
      .execute();
  }
}

/** A full of the managed storage that began after an instant, or has yet to begin. */
async function fullAfter(
  db: Transaction<Tables>,
  serviceId: string,
  time: string,
): Promise<string | undefined> {
  const found = await db
    .selectFrom('backups')
    .select('id')
    .where('service_id', '=', serviceId)
    .where('type', '=', 'full')
    .where('external_bucket_id', 'is', null)
    .where((eb) =>
      eb.or([
        eb('status', '=', 'Scheduled'),
        eb.and([eb('status', 'in', ['Running', 'Succeeded']), eb('started_at', '>', time)]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return found?.id;
}

async function order(
  db: Transaction<Tables>,
  service: ServiceRecord,
  { backupId, workflowId, ...full }: FullOrder,
  breaks: readonly BreakRecord[],
): Promise<BackupRecord> {
  const { serviceId, organization } = service;
  const createdAt = now();
  const common = { service, type: 'full' as const, backupId, message: full.message(breaks), createdAt };
  const labels = { [scheduleLabels.origin]: scheduleLabels.archive };
  const schedule = await insertOneTimeSchedule(db, { ...common, organization, labels });
  const backup = await insertBackup(db, { ...common, scheduleId: schedule.id, bucketId: null });
  const operation = `backup ${backupId}`;
  await insertPlace(db, { serviceId, workflowId: workflowId(schedule.id), operation, held: false });
  return backup;
}

function recordOf(row: BreakRow): BreakRecord {
  return {
    id: row.id,
    cause: row.cause,
    message: row.message,
    alarming: row.alarming === 1,
    foundAt: row.found_at,
    ...present({ backupId: row.backup_id }),
  };
}
