/** What services are set to. Only what was set is there; the deployment's own settings stand behind it. */
import { applySettings, type ServiceSettings } from '../domain/service-settings.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { RetentionCatalog } from './retention-types.ts';

type SettingsQueries = Pick<
  RetentionCatalog,
  'findServiceSettings' | 'updateServiceSettings' | 'serviceIdsAfter'
>;

export function serviceSettingsIn(database: Database): SettingsQueries {
  return {
    async findServiceSettings(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('service_settings')
            .select(['service_id', 'settings'])
            .where('service_id', 'in', [...serviceIds])
            .execute(),
      );
      return new Map(rows.map((row) => [row.service_id, JSON.parse(row.settings) as ServiceSettings]));
    },

    async updateServiceSettings(serviceId, patch) {
      return await database.writeAlone([serviceId], async (db) => {
        const known = await db
          .selectFrom('service_settings')
          .select('settings')
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        const settings = applySettings(known ? (JSON.parse(known.settings) as ServiceSettings) : {}, patch);
        const values = { settings: JSON.stringify(settings), updated_at: now() };
        await db
          .insertInto('service_settings')
          .values({ service_id: serviceId, ...values })
          .onConflict((conflict) => conflict.column('service_id').doUpdateSet(values))
          .execute();
        return settings;
      });
    },

    async serviceIdsAfter(after, limit) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('services')
            .select(['service_id', 'organization'])
            .where('service_id', '>', after)
            .orderBy('service_id')
            .limit(limit)
            .execute(),
      );
      return rows.map((row) => ({ serviceId: row.service_id, organization: row.organization }));
    },
  };
}
