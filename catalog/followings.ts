/** Whose binlogs are followed, and how far behind their archives were. */
import { type LagHistory, noteLag } from '../domain/archive/following.ts';
import type { ServiceSettings } from '../domain/service-settings.ts';
import { now, prose } from './columns.ts';
import type { Database } from './database.ts';
import type { FollowingCatalog, FollowingRecord } from './following-types.ts';
import type { FollowingRow } from './schema.ts';
import { serviceOf } from './services.ts';

export function followingsIn(database: Database): FollowingCatalog {
  return {
    async findFollowings(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('followings')
            .selectAll()
            .where('service_id', 'in', [...serviceIds])
            .execute(),
      );
      return new Map(rows.map((row) => [row.service_id, recordOf(row)]));
    },

    async listFollowings(after, limit) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('followings')
            .selectAll()
            .where('service_id', '>', after)
            .orderBy('service_id')
            .limit(limit)
            .execute(),
      );
      return rows.map(recordOf);
    },

    async followCandidates(after, limit) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('services')
            .leftJoin('service_settings', 'service_settings.service_id', 'services.service_id')
            .leftJoin('followings', 'followings.service_id', 'services.service_id')
            .selectAll('services')
            .select(['service_settings.settings', 'followings.follow_order'])
            .where('services.service_id', '>', after)
            .orderBy('services.service_id')
            .limit(limit)
            .execute(),
      );
      return rows.map(({ settings, follow_order: order, ...service }) => ({
        service: serviceOf(service),
        settings: settings === null ? {} : (JSON.parse(settings) as ServiceSettings),
        order: order ?? '',
      }));
    },

    async updateFollowing(serviceId, { order, message, lag }) {
      await database.writeAlone(serviceId, async (db) => {
        const known = await db
          .selectFrom('followings')
          .selectAll()
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        const lags = known ? recordOf(known).lags : {};
        const values = {
          follow_order: order ?? known?.follow_order ?? '',
          message: prose(message ?? known?.message ?? ''),
          lags: JSON.stringify(lag ? noteLag(lags, lag.at, lag.seconds) : lags),
          updated_at: now(),
        };
        await db
          .insertInto('followings')
          .values({ service_id: serviceId, ...values })
          .onConflict((conflict) => conflict.column('service_id').doUpdateSet(values))
          .execute();
      });
    },
  };
}

function recordOf(row: FollowingRow): FollowingRecord {
  return {
    serviceId: row.service_id,
    order: row.follow_order,
    message: row.message,
    lags: JSON.parse(row.lags) as LagHistory,
    updatedAt: row.updated_at,
  };
}
