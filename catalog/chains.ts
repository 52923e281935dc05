/** Chains of backups: what an incremental can build on, and what it does build on. */
import type { Kysely } from 'kysely';
import type { ChainMember } from '../domain/chain.ts';
import type { ChainCatalog } from './chain-types.ts';
import { now, prose } from './columns.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';
import { unfinished } from './statuses.ts';

export function chainsIn(database: Database): ChainCatalog {
  return {
    async chainFacts(serviceId, externalLocation) {
      return await database.snapshot(async (db) => {
        const replacedAt = await lastReplaced(db, serviceId);
        const members = await membersOf(db, serviceId, externalLocation);
        return { members, ...(replacedAt !== undefined && { replacedAt }) };
      });
    },

    async isOfRepeating(backupId) {
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('backups')
            .innerJoin('schedules', 'schedules.id', 'backups.schedule_id')
            .select('schedules.schedule')
            .where('backups.id', '=', backupId)
            .executeTakeFirst(),
      );
      return row !== undefined && row.schedule !== 'once';
    },

    async setBase(backupId, { parent, full }) {
      const backup = await database.read(
        async (db) =>
          await db.selectFrom('backups').select('service_id').where('id', '=', backupId).executeTakeFirst(),
      );
      if (!backup) return false;
      // As removals are: whichever comes first is seen by the other.
      return await database.writeAlone(backup.service_id, async (db) => {
        const there = await db
          .selectFrom('backups')
          .select('id')
          .where('id', '=', parent)
          .where('status', '=', 'Succeeded')
          .executeTakeFirst();
        if (!there) return false;
        const updated = await db
          .updateTable('backups')
          .set({ parent_backup: parent, reference_full_backup: full, updated_at: now() })
          .where('id', '=', backupId)
          .where(unfinished)
          .returning('id')
          .executeTakeFirst();
        return updated !== undefined;
      });
    },

    async becomeFull(backupId, message) {
      await database.write(async (db) => {
        await db
          .updateTable('backups')
          .set({
            type: 'full',
            parent_backup: '',
            reference_full_backup: '',
            message: prose(message),
            updated_at: now(),
          })
          .where('id', '=', backupId)
          .where(unfinished)
          .execute();
      });
    },
  };
}

async function membersOf(
  db: Kysely<Tables>,
  serviceId: string,
  externalLocation: string | undefined,
): Promise<ChainMember[]> {
  const rows = await db
    .selectFrom('services')
    // The index begins with the organization.
    .innerJoin('backups', (join) =>
      join
        .onRef('backups.organization', '=', 'services.organization')
        .onRef('backups.service_id', '=', 'services.service_id'),
    )
    .leftJoin('verifications', 'verifications.backup_id', 'backups.id')
    .leftJoin('external_buckets', 'external_buckets.id', 'backups.external_bucket_id')
    .select([
      'backups.id',
      'backups.parent_backup',
      'backups.created_at',
      'backups.stored_bytes',
      'verifications.known_damaged',
    ])
    .where('services.service_id', '=', serviceId)
    .where('backups.status', '=', 'Succeeded')
    .where('backups.type', 'in', ['full', 'incremental'])
    .where((eb) =>
      externalLocation === undefined
        ? eb('backups.external_bucket_id', 'is', null)
        : eb('external_buckets.location', '=', externalLocation),
    )
    .execute();
  return rows.map((row) => ({
    id: row.id,
    parent: row.parent_backup,
    createdAt: row.created_at,
    storedBytes: row.stored_bytes,
    damaged: row.known_damaged === 1,
  }));
}

/** When the data of a service was last replaced by a restore. */
async function lastReplaced(db: Kysely<Tables>, serviceId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('restores')
    .select((eb) => eb.fn.max('finished_at').as('at'))
    .where('service_id', '=', serviceId)
    .where('status', '=', 'Succeeded')
    .executeTakeFirst();
  return row?.at ?? undefined;
}
