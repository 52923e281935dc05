/** What Temporal should have of the schedules that repeat, and what it is known to have. */
import { sql } from 'kysely';
import { isCountedId } from './columns.ts';
import type { Database } from './database.ts';
import { recordOf, repeating } from './schedules.ts';
import type { ScheduleRow } from './schema.ts';
import type { ScheduleIntent } from './schedule-types.ts';
import type { Catalog } from './types.ts';

type IntentQueries = Pick<Catalog, 'findScheduleIntent' | 'listScheduleIntents' | 'settleSchedule'>;

const unsettledOrPresent = sql<boolean>`(deleted_at is null or settled_revision <> revision)`;

export function scheduleIntentsIn(database: Database): IntentQueries {
  return {
    async findScheduleIntent(id) {
      if (!isCountedId(id)) return undefined;
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('schedules')
            .selectAll()
            .where('id', '=', id)
            .where(repeating)
            .executeTakeFirst(),
      );
      return row && intentOf(row);
    },

    async listScheduleIntents() {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('schedules')
            .selectAll()
            .where(repeating)
            .where(unsettledOrPresent)
            .orderBy('id')
            .execute(),
      );
      return rows.map(intentOf);
    },

    async settleSchedule(id, revision) {
      const row = await database.write(
        async (db) =>
          await db
            .updateTable('schedules')
            .set({ settled_revision: revision })
            .where('id', '=', id)
            .where('revision', '=', revision)
            .returning('id')
            .executeTakeFirst(),
      );
      return row !== undefined;
    },
  };
}

function intentOf(row: ScheduleRow): ScheduleIntent {
  return {
    record: recordOf(row, { provider: null, bucket: null }),
    revision: row.revision,
    settled: row.revision === row.settled_revision,
    deleted: row.deleted_at !== null,
  };
}
