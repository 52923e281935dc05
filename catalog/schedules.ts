/** Schedules: one-time ones, each with the one backup that it ordered, and those that repeat. */
import { type ExpressionBuilder, type SelectQueryBuilder, sql, type Transaction } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { isFinal, type BackupType, type OperationStatus } from '../domain/operations.ts';
import { isCountedId, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import type { ExternalBucketRecord } from './external-bucket-types.ts';
import { forgetUnusedBucket, insertExternalBucket } from './external-buckets.ts';
import { keepReceipt } from './idempotency.ts';
import { pageOf } from './pages.ts';
import type { ScheduleRow, Tables } from './schema.ts';
import type { SchedulePatch, ScheduleRecord } from './schedule-types.ts';
import type { Catalog, ServiceRecord } from './types.ts';

type ScheduleQueries = Pick<
  Catalog,
  'findSchedule' | 'listSchedules' | 'createSchedule' | 'changeSchedule' | 'deleteSchedule'
>;

/** Written out in the query, so that the databases see that the index of the repeating ones applies. */
export const repeating = sql<boolean>`schedule <> 'once'`;
export const undeleted = sql<boolean>`deleted_at is null`;

export function schedulesIn(database: Database): ScheduleQueries {
  return {
    async findSchedule(id, organization) {
      if (!isCountedId(id)) return undefined;
      const row = await database.read(
        async (db) =>
          await withOthers(db.selectFrom('schedules').selectAll())
            .where('id', '=', id)
            .where('organization', '=', organization)
            .where(undeleted)
            .executeTakeFirst(),
      );
      return row && recordOf(row, row);
    },

    async listSchedules(organization, filter, page) {
      const { serviceId: service_id, type } = filter;
      return await pageOf(database, page, {
        matching: (db) =>
          db
            .selectFrom('schedules')
            .where((eb) => eb.and(present({ organization, service_id, type })))
            .where(undeleted),
        rows: (matching) => withOthers(matching.selectAll()),
        recordOf: (row) => recordOf(row, row),
      });
    },

    async createSchedule(order) {
      return await database.write(async (db) => {
        const made = await insertSchedule(db, order);
        await keepReceipt(db, order.receipt, made);
        return made;
      });
    },

    async changeSchedule(id, organization, patch) {
      if (!isCountedId(id)) return undefined;
      return await database.write(async (db) => await changeScheduleIn(db, id, organization, patch));
    },

    async deleteSchedule(id, organization) {
      if (!isCountedId(id)) return false;
      return await database.write(async (db) => {
        const row = await db
          .selectFrom('schedules')
          .selectAll()
          .where('id', '=', id)
          .where('organization', '=', organization)
          .where(undeleted)
          .executeTakeFirst();
        if (!row) return false;
        if (row.schedule === 'once') refuseActive(row);
        await db
          .updateTable('schedules')
          .set({ deleted_at: now() })
          .$if(row.schedule !== 'once', (query) => query.set((eb) => ({ revision: eb('revision', '+', 1) })))
          .where('id', '=', id)
          .where(undeleted)
          .execute();
        await forgetUnusedBucket(db, row.external_bucket_id);
        return true;
      });
    },
  };
}

/** Inserts a schedule that repeats. */
export async function insertSchedule(
  transaction: Transaction<Tables>,
  { service, offsetSeconds, ...order }: Omit<Parameters<Catalog['createSchedule']>[0], 'receipt'>,
): Promise<ScheduleRecord> {
  const createdAt = now();
  await insertExternalBucket(transaction, order.organization, order.bucket);
  const { id } = await transaction
    .insertInto('schedules')
    .values({
      organization: order.organization,
      service_id: service.serviceId,
      service_name: service.serviceName,
      schedule: order.schedule,
      type: order.type,
      status: 'Scheduled',
      message: '',
      suspended: 0,
      labels: JSON.stringify(order.labels),
      created_at: createdAt,
      updated_at: createdAt,
      scheduled_at: null,
      backup_id: null,
      counted_from: createdAt,
      revision: 1,
      external_bucket_id: order.bucket?.id ?? null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const row = await transaction
    .updateTable('schedules')
    .set({ offset_seconds: offsetSeconds(id) })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return recordOf(row, { provider: service.cloudProvider, bucket: order.bucket?.location ?? null });
}

/** Changes a schedule that repeats; undefined when there is none. */
export async function changeScheduleIn(
  transaction: Transaction<Tables>,
  id: number,
  organization: string,
  patch: SchedulePatch,
): Promise<ScheduleRecord | undefined> {
  const row = await transaction
    .updateTable('schedules')
    // One statement that names what is changed alone: of two changes at once, neither undoes the other.
    .set(changesOf(patch))
    .set((eb) => ({ revision: eb('revision', '+', 1), updated_at: eb.val(now()) }))
    .where('id', '=', id)
    .where('organization', '=', organization)
    .where(repeating)
    .where(undeleted)
    .returningAll()
    .returning(providerOf)
    .returning(bucketOf)
    .executeTakeFirst();
  return row && recordOf(row, row);
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
    bucket?: ExternalBucketRecord | undefined;
    labels?: Record<string, string>;
  },
): Promise<ScheduleRecord> {
  await insertExternalBucket(transaction, order.organization, order.bucket);
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
      labels: JSON.stringify(order.labels ?? {}),
      created_at: order.createdAt,
      updated_at: order.createdAt,
      scheduled_at: null,
      backup_id: order.backupId,
      external_bucket_id: order.bucket?.id ?? null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return recordOf(row, {
    provider: order.service.cloudProvider,
    bucket: order.bucket?.location ?? null,
  });
}

/** Makes the schedule of a backup say what the backup says, where it is the one of its last run. */
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
    .where('backup_id', '=', backupId)
    .execute();
}

function changesOf({ schedule, type, suspended }: SchedulePatch): Partial<ScheduleRow> {
  const counts = schedule !== undefined || suspended !== undefined;
  return present({
    schedule,
    type,
    suspended: suspended === undefined ? undefined : Number(suspended),
    // Nothing that was due before is owed any more.
    counted_from: counts ? now() : undefined,
  });
}

function refuseActive(row: ScheduleRow): void {
  if (isFinal(row.status)) return;
  throw new TidemarkError(
    'schedule_active',
    `Schedule ${row.id} runs once, and its backup ${row.backup_id ?? ''} is ${row.status}. ` +
      'Delete the schedule when the backup has ended.',
  );
}

function providerOf(eb: ExpressionBuilder<Tables, 'schedules'>) {
  return eb
    .selectFrom('services')
    .select('cloud_provider')
    .whereRef('services.service_id', '=', 'schedules.service_id')
    .as('provider');
}

function bucketOf(eb: ExpressionBuilder<Tables, 'schedules'>) {
  return eb
    .selectFrom('external_buckets')
    .select('location')
    .whereRef('external_buckets.id', '=', 'schedules.external_bucket_id')
    .as('bucket');
}

/** What other tables know of a schedule. */
interface Others {
  provider: string | null;
  bucket: string | null;
}

function withOthers<O>(
  query: SelectQueryBuilder<Tables, 'schedules', O>,
): SelectQueryBuilder<Tables, 'schedules', O & Others> {
  return query.select(providerOf).select(bucketOf);
}

export function recordOf(row: ScheduleRow, { provider, bucket }: Others): ScheduleRecord {
  return {
    id: row.id,
    organization: row.organization,
    serviceId: row.service_id,
    serviceName: row.service_name,
    cloudProvider: provider ?? '',
    schedule: row.schedule,
    type: row.type,
    status: row.status,
    message: row.message,
    suspended: row.suspended === 1,
    labels: JSON.parse(row.labels) as ScheduleRecord['labels'],
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    offsetSeconds: row.offset_seconds,
    countedFrom: row.counted_from ?? row.created_at,
    ...present({
      externalLocation: bucket,
      skippedAt: row.skipped_at,
      scheduledAt: row.scheduled_at,
      backupId: row.backup_id,
    }),
  };
}
