/** Backups: ordered, followed while they run, listed. */
import type { Kysely, Transaction } from 'kysely';
import { type BackupType, backupTypes } from '../domain/operations.ts';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { keepReceipt } from './idempotency.ts';
import { findPage } from './backup-pages.ts';
import { insertPlace } from './places.ts';
import { followBackup, insertOneTimeSchedule } from './schedules.ts';
import type { BackupRow, Tables } from './schema.ts';
import { unfinished } from './statuses.ts';
import type { BackupPatch, BackupRecord, Catalog, ServiceRecord } from './types.ts';

type BackupQueries = Pick<
  Catalog,
  'createOneTimeBackup' | 'findBackup' | 'listBackups' | 'newestBackups' | 'updateBackup'
> & {
  /** Oldest first. */
  unfinishedBackups: () => Promise<BackupRecord[]>;
};

/** Whoever else asks has a turn between. */
const servicesAtOnce = 500;

export function backupsIn(database: Database): BackupQueries {
  return {
    async createOneTimeBackup(order) {
      const { service, type, backupId } = order;
      return await database.writeAlone(service.serviceId, async (db) => {
        const createdAt = now();
        const schedule = await insertOneTimeSchedule(db, { ...order, createdAt });
        const scheduleId = schedule.id;
        const { message } = order;
        const bucketId = order.bucket?.id ?? null;
        const named = { service, scheduleId, type, backupId, message, createdAt, bucketId };
        const backup = await insertBackup(db, named);
        await insertPlace(db, {
          serviceId: service.serviceId,
          workflowId: order.workflowId(schedule.id),
          operation: `backup ${backupId}`,
          held: false,
        });
        const made = { schedule, backup };
        await keepReceipt(db, order.receipt, made);
        return made;
      });
    },

    async findBackup(id, organization) {
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('backups')
            .selectAll()
            .where((eb) => eb.and(present({ id, organization })))
            .executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async listBackups(organization, filter, page) {
      const { serviceId: service_id, status, type } = filter;
      return await database.snapshot(async (db) => {
        const { count, bound, limit, offset } = await findPage(db, organization, filter, page);
        const rows = await db
          .selectFrom('backups')
          .selectAll()
          .where((eb) => eb.and(present({ organization, service_id, status, type })))
          .where('created_at', ...bound)
          .orderBy('created_at', page.order)
          .orderBy('id', page.order)
          .limit(limit)
          .offset(offset)
          .execute();
        return { items: rows.map(recordOf), count };
      });
    },

    async newestBackups(serviceIds) {
      const found: BackupRecord[] = [];
      for (let from = 0; from < serviceIds.length; from += servicesAtOnce) {
        const rows = await database.read(async (db) => {
          const ids = await newestIds(db, serviceIds.slice(from, from + servicesAtOnce));
          if (ids.length === 0) return [];
          return await db.selectFrom('backups').selectAll().where('id', 'in', ids).execute();
        });
        found.push(...rows.map(recordOf));
      }
      return Map.groupBy(found, ({ serviceId }) => serviceId);
    },

    async updateBackup(id, patch) {
      const changes = changesOf(patch);
      return await database.write(async (db) => {
        const updated = await db
          .updateTable('backups')
          .set(changes)
          .set('updated_at', now())
          .where('id', '=', id)
          // Part of the statement, so that of two ends only the first is written.
          .where(unfinished)
          .returning('schedule_id')
          .executeTakeFirst();
        if (!updated) return false;
        const { status, message, started_at: startedAt } = changes;
        await followBackup(db, id, updated.schedule_id, present({ status, message, startedAt }));
        return true;
      });
    },

    async unfinishedBackups() {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('backups')
            .selectAll()
            .where(unfinished)
            .orderBy('created_at')
            .orderBy('id')
            .execute(),
      );
      return rows.map(recordOf);
    },
  };
}

/** Of each service and type the newest that succeeded, each read off the index of all filters. */
async function newestIds(db: Kysely<Tables>, serviceIds: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const type of backupTypes) {
    const rows = await db
      .selectFrom('services')
      .select((eb) =>
        eb
          .selectFrom('backups')
          .select('backups.id')
          .whereRef('backups.organization', '=', 'services.organization')
          .whereRef('backups.service_id', '=', 'services.service_id')
          .where('backups.status', '=', 'Succeeded')
          .where('backups.type', '=', type)
          .orderBy('backups.created_at', 'desc')
          .orderBy('backups.id', 'desc')
          .limit(1)
          .as('id'),
      )
      .where('services.service_id', 'in', [...serviceIds])
      .execute();
    found.push(...rows.flatMap(({ id }) => id ?? []));
  }
  return found;
}

/** Inserts a backup that is to be taken, Scheduled. */
export async function insertBackup(
  transaction: Transaction<Tables>,
  order: {
    service: ServiceRecord;
    scheduleId: number;
    type: BackupType;
    backupId: string;
    message: string;
    createdAt: string;
    /** Null: the managed storage. */
    bucketId: string | null;
  },
): Promise<BackupRecord> {
  const { service, createdAt, bucketId } = order;
  const row = await transaction
    .insertInto('backups')
    .values({
      id: order.backupId,
      organization: service.organization,
      service_id: service.serviceId,
      service_name: service.serviceName,
      server_name: service.serverName,
      schedule_id: order.scheduleId,
      type: order.type,
      method: bucketId === null ? 'skybucket' : 'external',
      external_bucket_id: bucketId,
      cloud_provider: service.cloudProvider,
      status: 'Scheduled',
      message: prose(order.message),
      created_at: createdAt,
      updated_at: createdAt,
      reference_full_backup: '',
      parent_backup: '',
      stored_bytes: 0,
      uncompressed_bytes: 0,
      manifest_sha256: '',
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return recordOf(row);
}

function changesOf(patch: BackupPatch): Partial<BackupRow> {
  const { message, startedAt, endedAt, pointInTime, binlog, progress } = patch;
  return present({
    status: patch.status,
    message: message === undefined ? undefined : prose(message),
    started_at: startedAt === undefined ? undefined : instant(startedAt),
    ended_at: endedAt === undefined ? undefined : instant(endedAt),
    point_in_time: pointInTime === undefined ? undefined : instant(pointInTime),
    binlog_file: binlog?.file,
    binlog_position: binlog?.position,
    binlog_gtid: binlog?.gtid,
    timeline: patch.timeline,
    dump_whole: patch.dumpWhole === undefined ? undefined : Number(patch.dumpWhole),
    dump_loose: patch.dumpLoose && 1,
    stored_bytes: patch.storedBytes,
    uncompressed_bytes: patch.uncompressedBytes,
    manifest_sha256: patch.manifestSha256,
    progress: progress === undefined ? undefined : JSON.stringify(progress),
  });
}

export function recordOf(row: BackupRow): BackupRecord {
  return {
    id: row.id,
    organization: row.organization,
    serviceId: row.service_id,
    serviceName: row.service_name,
    serverName: row.server_name,
    scheduleId: row.schedule_id,
    type: row.type,
    method: row.method,
    cloudProvider: row.cloud_provider,
    status: row.status,
    message: row.message,
    createdAt: row.created_at,
    referenceFullBackup: row.reference_full_backup,
    parentBackup: row.parent_backup,
    storedBytes: row.stored_bytes,
    uncompressedBytes: row.uncompressed_bytes,
    manifestSha256: row.manifest_sha256,
    ...present({
      startedAt: row.started_at,
      endedAt: row.ended_at,
      pointInTime: row.point_in_time,
      binlog: binlogOf(row),
      timeline: row.timeline,
      dumpWhole: row.dump_whole === null ? undefined : row.dump_whole === 1,
      dumpLoose: row.dump_loose === 1 ? true : undefined,
      progress: row.progress === null ? undefined : (JSON.parse(row.progress) as BackupRecord['progress']),
    }),
  };
}

function binlogOf(row: BackupRow): BackupRecord['binlog'] {
  if (row.binlog_file === null || row.binlog_position === null) return undefined;
  return { file: row.binlog_file, position: row.binlog_position, gtid: row.binlog_gtid ?? '' };
}
