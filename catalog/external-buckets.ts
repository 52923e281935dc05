/** Buckets of customers: written with the schedule that names one, forgotten with the last that needs it. */
import type { Transaction } from 'kysely';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { ExternalBucketCatalog, ExternalBucketRecord } from './external-bucket-types.ts';
import type { Tables } from './schema.ts';

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

/** Forgets the credentials of a bucket of a schedule that was deleted, unless a backup may still have to be fetched. */
export async function forgetUnusedBucket(transaction: Transaction<Tables>, id: string | null): Promise<void> {
  if (id === null) return;
  await transaction
    .deleteFrom('external_buckets')
    .where('id', '=', id)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('backups')
            .select('backups.id')
            .where('backups.external_bucket_id', '=', id)
            .where('backups.status', 'in', ['Scheduled', 'Running', 'Succeeded']),
        ),
      ),
    )
    .execute();
}
