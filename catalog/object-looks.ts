/** Looks at what lies in the store: when, and what they found. */
import { instant } from './columns.ts';
import type { Database } from './database.ts';
import type { ObjectLookCatalog } from './object-look-types.ts';

/** In one transaction, so that nobody who writes waits for long. */
const rowsAtOnce = 500;

export function objectLooksIn(database: Database): ObjectLookCatalog {
  return {
    async servicesToLookAt({ before, now }) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('services')
            .leftJoin('object_looks', 'object_looks.service_id', 'services.service_id')
            .select('services.service_id')
            .where((eb) =>
              eb.or([
                eb('looked_at', 'is', null),
                eb('looked_at', '<=', instant(before)),
                eb('looked_at', '>', instant(now)),
              ]),
            )
            .orderBy((eb) => eb.fn.coalesce('looked_at', eb.val('')))
            .orderBy('services.service_id')
            .execute(),
      );
      return rows.map((row) => row.service_id);
    },

    async objectFindings(serviceId) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('object_findings')
            .select(['what', 'since'])
            .where('service_id', '=', serviceId)
            .execute(),
      );
      return new Map(rows.map(({ what, since }) => [what, since]));
    },

    async endObjectLook(serviceId, { lookedAt, findings }) {
      const look = instant(lookedAt);
      const rows = [...findings].map(([what, since]) => ({
        service_id: serviceId,
        what,
        since: instant(since),
        look,
      }));
      for (let from = 0; from < rows.length; from += rowsAtOnce) {
        await database.write(async (db) => {
          await db
            .insertInto('object_findings')
            .values(rows.slice(from, from + rowsAtOnce))
            .onConflict((conflict) => conflict.columns(['service_id', 'what']).doUpdateSet({ look }))
            .execute();
        });
      }
      await database.write(async (db) => {
        await db
          .deleteFrom('object_findings')
          .where('service_id', '=', serviceId)
          .where('look', '<>', look)
          .execute();
        await db
          .insertInto('object_looks')
          .values({ service_id: serviceId, looked_at: look })
          .onConflict((conflict) => conflict.column('service_id').doUpdateSet({ looked_at: look }))
          .execute();
      });
    },
  };
}
