/** Copies of backups in further locations. */
import { sql } from 'kysely';
import type { CopyCatalog, CopyPatch, CopyRecord, MissingCopies } from './copy-types.ts';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import type { CopyRow } from './schema.ts';

/** Written out, as the index of those has it: see statuses.ts. */
const missing = sql<boolean>`copies.status <> 'Succeeded'`;
/** SQLite takes 32,766 values in one query. */
const idsAtOnce = 10_000;

export function copiesIn(database: Database): CopyCatalog {
  return {
    async orderCopies({ services, location, backupId }) {
      const time = now();
      let added = 0;
      // The index of backups begins with the organization.
      for (const organization of new Set(services.map((service) => service.organization))) {
        const ids = services.flatMap((one) => (one.organization === organization ? [one.serviceId] : []));
        added += await database.write(async (db) => {
          const inserted = await db
            .insertInto('copies')
            .columns([
              'backup_id',
              'location',
              'status',
              'message',
              'attempts',
              'created_at',
              'updated_at',
              'due_at',
            ])
            .expression((eb) =>
              eb
                .selectFrom('backups')
                .select([
                  'backups.id',
                  sql<string>`cast(${location} as text)`.as('location'),
                  sql.lit('Scheduled').as('status'),
                  sql.lit('The copy is scheduled.').as('message'),
                  sql.lit(0).as('attempts'),
                  sql<string>`cast(${time} as text)`.as('created_at'),
                  sql<string>`cast(${time} as text)`.as('updated_at'),
                  sql<string>`cast(${time} as text)`.as('due_at'),
                ])
                .where('backups.organization', '=', organization)
                .where('backups.service_id', 'in', ids)
                .where('backups.status', '=', 'Succeeded')
                .where('backups.external_bucket_id', 'is', null)
                .where('backups.method', '=', 'skybucket')
                .where('backups.type', '<>', 'binarylog')
                .where((of) => of.and(present({ 'backups.id': backupId })))
                .where((of) =>
                  of.not(
                    of.exists(
                      of
                        .selectFrom('copies')
                        .select('copies.backup_id')
                        .whereRef('copies.backup_id', '=', 'backups.id')
                        .where('copies.location', '=', location),
                    ),
                  ),
                ),
            )
            .onConflict((conflict) => conflict.columns(['backup_id', 'location']).doNothing())
            .executeTakeFirst();
          return Number(inserted.numInsertedOrUpdatedRows ?? 0);
        });
      }
      return added;
    },

    async findCopies(backupIds) {
      const found = new Map<string, CopyRecord[]>();
      for (let from = 0; from < backupIds.length; from += idsAtOnce) {
        const rows = await database.read(
          async (db) =>
            await db
              .selectFrom('copies')
              .selectAll()
              .where('backup_id', 'in', backupIds.slice(from, from + idsAtOnce))
              .orderBy('backup_id')
              .orderBy('location')
              .execute(),
        );
        for (const row of rows)
          found.set(row.backup_id, [...(found.get(row.backup_id) ?? []), recordOf(row)]);
      }
      return found;
    },

    async missingCopies(locations, limit) {
      if (locations.length === 0) return [];
      const due = now();
      return await database.read(async (db) => {
        const oldest = await db
          .selectFrom('copies')
          .innerJoin('backups', 'backups.id', 'copies.backup_id')
          .select(['copies.backup_id', 'backups.service_id', 'backups.created_at'])
          .distinct()
          .where(missing)
          .where('copies.location', 'in', [...locations])
          .where('copies.due_at', '<=', due)
          .orderBy('backups.created_at')
          .orderBy('copies.backup_id')
          .limit(limit)
          .execute();
        if (oldest.length === 0) return [];
        const ids = oldest.map(({ backup_id: id }) => id);
        const rows = await db
          .selectFrom('copies')
          .select(['backup_id', 'location'])
          .where(missing)
          .where('location', 'in', [...locations])
          .where('due_at', '<=', due)
          .where('backup_id', 'in', ids)
          .orderBy('location')
          .execute();
        return oldest.map(({ backup_id: backupId, service_id: serviceId }): MissingCopies => ({
          backupId,
          serviceId,
          locations: rows.flatMap((row) => (row.backup_id === backupId ? [row.location] : [])),
        }));
      });
    },

    async updateCopy(backupId, location, patch) {
      const updated = await database.write(
        async (db) =>
          await db
            .updateTable('copies')
            .set(changesOf(patch))
            .set((eb) => ({
              updated_at: now(),
              ...(patch.status === 'Failed' && { attempts: eb('attempts', '+', 1) }),
              ...(patch.status === 'Succeeded' && { attempts: 0, finished_at: now() }),
            }))
            .where('backup_id', '=', backupId)
            .where('location', '=', location)
            .returning('backup_id')
            .executeTakeFirst(),
      );
      return updated !== undefined;
    },

    async forgetCopy(backupId, location) {
      await database.write(async (db) => {
        await db
          .deleteFrom('copies')
          .where('backup_id', '=', backupId)
          .where('location', '=', location)
          .where(missing)
          .execute();
      });
    },

    async countMissingCopies() {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('copies')
            .select(({ fn }) => ['location', 'status', fn.countAll<number>().as('count')])
            .where(missing)
            .groupBy(['location', 'status'])
            .execute(),
      );
      return rows.map(({ location, status, count }) => ({ location, status, count: Number(count) }));
    },
  };
}

function changesOf({ status, message, dueAt }: CopyPatch): Partial<CopyRow> {
  return present({
    status,
    message: message === undefined ? undefined : prose(message),
    due_at: dueAt === undefined ? undefined : instant(dueAt),
  });
}

function recordOf(row: CopyRow): CopyRecord {
  return {
    backupId: row.backup_id,
    location: row.location,
    status: row.status,
    message: row.message,
    attempts: row.attempts,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    ...present({ finishedAt: row.finished_at }),
  };
}
