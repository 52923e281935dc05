/**
 * The nightly schedule of each service. A row in `nightlies` says that the service was given one, and is never
 * removed: where the schedule that it names is gone, it was deleted, and stays deleted until somebody asks for it.
 */
import type { Transaction } from 'kysely';
import { scheduleLabels } from '../domain/schedule.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { NightlyCatalog, NightlyOrder, NightlyRecord } from './retention-types.ts';
import { changeScheduleIn, insertSchedule, recordOf, undeleted } from './schedules.ts';
import type { Tables } from './schema.ts';
import { serviceOf } from './services.ts';
import type { ScheduleRecord } from './schedule-types.ts';

export function nightliesIn(database: Database): NightlyCatalog {
  return {
    async findNightlies(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      return await database.read(async (db) => {
        const given = await db
          .selectFrom('nightlies')
          .selectAll()
          .where('service_id', 'in', [...serviceIds])
          .execute();
        if (given.length === 0) return new Map();
        const schedules = await db
          .selectFrom('schedules')
          .selectAll()
          .where(
            'id',
            'in',
            given.map((nightly) => nightly.schedule_id),
          )
          .where(undeleted)
          .execute();
        const byId = new Map(
          schedules.map((row) => [row.id, recordOf(row, { provider: null, bucket: null })]),
        );
        return new Map(
          given.map((nightly): [string, NightlyRecord] => {
            const schedule = byId.get(nightly.schedule_id);
            return [nightly.service_id, schedule ? { schedule } : {}];
          }),
        );
      });
    },

    async servicesWithoutNightly(after, limit) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('services')
            .selectAll()
            .where((eb) =>
              eb.not(
                eb.exists(
                  eb
                    .selectFrom('nightlies')
                    .select('service_id')
                    .whereRef('nightlies.service_id', '=', 'services.service_id'),
                ),
              ),
            )
            .where('service_id', '>', after)
            .orderBy('service_id')
            .limit(limit)
            .execute(),
      );
      return rows.map(serviceOf);
    },

    async giveNightly(order) {
      const { serviceId } = order.service;
      return await database.writeAlone(serviceId, async (db) => {
        const given = await db
          .selectFrom('nightlies')
          .select('service_id')
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        return given ? undefined : await makeNightly(db, order);
      });
    },

    async setNightly(order) {
      const { serviceId, organization } = order.service;
      return await database.writeAlone(serviceId, async (db) => {
        const given = await db
          .selectFrom('nightlies')
          .select('schedule_id')
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        const patch = { schedule: order.schedule };
        const changed = given && (await changeScheduleIn(db, given.schedule_id, organization, patch));
        return changed ?? (await makeNightly(db, order));
      });
    },
  };
}

/** The transaction has to be alone on the service. */
async function makeNightly(db: Transaction<Tables>, order: NightlyOrder): Promise<ScheduleRecord> {
  const { service, schedule, offsetSeconds } = order;
  const made = await insertSchedule(db, {
    organization: service.organization,
    service,
    schedule,
    type: 'full',
    labels: { [scheduleLabels.origin]: scheduleLabels.nightly },
    offsetSeconds,
  });
  const values = { schedule_id: made.id, made_at: now() };
  await db
    .insertInto('nightlies')
    .values({ service_id: service.serviceId, ...values })
    .onConflict((conflict) => conflict.column('service_id').doUpdateSet(values))
    .execute();
  return made;
}
