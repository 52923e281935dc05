/** Buckets of customers: written with the schedule that names one, forgotten with the last that needs it. */
import type { Expression, ExpressionBuilder, SqlBool, Transaction } from 'kysely';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { ExternalBucketCatalog, ExternalBucketRecord } from './external-bucket-types.ts';
import type { Tables } from './schema.ts';

/** The rest is looked at the next time. */
const lookedAtAtOnce = 200;

export function externalBucketsIn(database: Database): ExternalBucketCatalog {
  return {
    async findExternalBucket(backupId) {
      return await database.read(
        async (db) =>
          await db
            .selectFrom('external_buckets')
            .innerJoin('backups', 'backups.external_bucket_id', 'external_buckets.id')
            .select(['external_buckets.id', 'external_buckets.location', 'external_buckets.sealed'])
            .where('backups.id', '=', backupId)
            .executeTakeFirst(),
      );
    },

    async findBucket(id) {
      return await database.read(
        async (db) =>
          await db
            .selectFrom('external_buckets')
            .select(['id', 'location', 'sealed'])
            .where('id', '=', id)
            .executeTakeFirst(),
      );
    },

    async findRestoreSource(restoreId) {
      return await database.read(
        async (db) =>
          await db
            .selectFrom('external_buckets')
            .innerJoin('restores', 'restores.external_bucket_id', 'external_buckets.id')
            .select(['external_buckets.id', 'external_buckets.location', 'external_buckets.sealed'])
            .where('restores.id', '=', restoreId)
            .executeTakeFirst(),
      );
    },

    async unneededBuckets() {
      return await database.read(async (db) => {
        const buckets = await db
          .selectFrom('external_buckets')
          .select(['id', 'location'])
          .where(unneeded)
          .orderBy('created_at')
          .limit(lookedAtAtOnce)
          .execute();
        const backups =
          buckets.length === 0
            ? []
            : await db
                .selectFrom('backups')
                .select(['id', 'schedule_id', 'external_bucket_id'])
                .where(
                  'external_bucket_id',
                  'in',
                  buckets.map(({ id }) => id),
                )
                .execute();
        return buckets.map((bucket) => ({
          ...bucket,
          backups: backups
            .filter((backup) => backup.external_bucket_id === bucket.id)
            .map(({ id, schedule_id: scheduleId }) => ({ id, scheduleId })),
        }));
      });
    },

    async forgetBucket(id) {
      const forgotten = await database.write(
        async (db) =>
          await db
            .deleteFrom('external_buckets')
            .where('id', '=', id)
            // Part of the statement: one that is needed again meanwhile stays.
            .where(unneeded)
            .returning('id')
            .executeTakeFirst(),
      );
      return forgotten !== undefined;
    },

    async listSealed(after, limit) {
      return await database.read(
        async (db) =>
          await db
            .selectFrom('external_buckets')
            .select(['id', 'location', 'sealed'])
            .where('id', '>', after)
            .orderBy('id')
            .limit(limit)
            .execute(),
      );
    },

    async resealBucket(id, before, sealed) {
      const changed = await database.write(
        async (db) =>
          await db
            .updateTable('external_buckets')
            .set({ sealed })
            .where('id', '=', id)
            .where('sealed', '=', before)
            .returning('id')
            .executeTakeFirst(),
      );
      return changed !== undefined;
    },
  };
}

export async function insertExternalBucket(
  transaction: Transaction<Tables>,
  organization: string,
  bucket: ExternalBucketRecord | undefined,
): Promise<void> {
  if (!bucket) return;
  await transaction
    .insertInto('external_buckets')
    .values({ ...bucket, organization, created_at: now() })
    .execute();
}

/** Forgets the bucket of a schedule that was deleted before it had a run; with one, {@link unneeded} tells. */
export async function forgetUnusedBucket(transaction: Transaction<Tables>, id: string | null): Promise<void> {
  if (id === null) return;
  await transaction
    .deleteFrom('external_buckets')
    .where('id', '=', id)
    .where((eb) =>
      eb.not(
        eb.exists(eb.selectFrom('backups').select('backups.id').where('backups.external_bucket_id', '=', id)),
      ),
    )
    .execute();
}

/**
 * Of no schedule that can have another run, of no backup that is under way, can be restored or is being removed, and of no
 * restore that is under way.
 */
function unneeded(eb: ExpressionBuilder<Tables, 'external_buckets'>): Expression<SqlBool> {
  const schedules = eb
    .selectFrom('schedules')
    .select('schedules.id')
    .whereRef('schedules.external_bucket_id', '=', 'external_buckets.id')
    .where('schedules.schedule', '<>', 'once')
    .where('schedules.deleted_at', 'is', null);
  const backups = eb
    .selectFrom('backups')
    .select('backups.id')
    .whereRef('backups.external_bucket_id', '=', 'external_buckets.id')
    .where('backups.status', 'in', ['Scheduled', 'Running', 'Succeeded']);
  const removals = eb
    .selectFrom('removals')
    .select('removals.backup_id')
    .whereRef('removals.external_bucket_id', '=', 'external_buckets.id');
  const restores = eb
    .selectFrom('restores')
    .select('restores.id')
    .whereRef('restores.external_bucket_id', '=', 'external_buckets.id')
    .where('restores.status', 'in', ['Scheduled', 'Running']);
  return eb.not(eb.or([eb.exists(schedules), eb.exists(backups), eb.exists(removals), eb.exists(restores)]));
}
