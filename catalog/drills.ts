/** When services are proven, and which agents offer themselves for it. */
import type { ProverOffer } from '../domain/proofs/offer.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { DrillRecord, ProofCatalog } from './proof-types.ts';
import type { DrillRow } from './schema.ts';

type DrillQueries = Pick<
  ProofCatalog,
  'setDrill' | 'findDrills' | 'listDrills' | 'provenServices' | 'listProvers'
>;

export function drillsIn(database: Database): DrillQueries {
  return {
    async setDrill(serviceId, drill) {
      await database.write(async (db) => {
        if (!drill) {
          await db.deleteFrom('drills').where('service_id', '=', serviceId).execute();
          return;
        }
        const { schedule, offsetSeconds } = drill;
        const values = { schedule, offset_seconds: offsetSeconds, set_at: now() };
        await db
          .insertInto('drills')
          .values({ service_id: serviceId, ...values })
          .onConflict((conflict) => conflict.column('service_id').doUpdateSet(values))
          .execute();
      });
    },

    async findDrills(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('drills')
            .selectAll()
            .where('service_id', 'in', [...serviceIds])
            .execute(),
      );
      return new Map(rows.map((row) => [row.service_id, recordOf(row)]));
    },

    async listDrills() {
      const rows = await database.read(
        async (db) => await db.selectFrom('drills').selectAll().orderBy('service_id').execute(),
      );
      return rows.map(recordOf);
    },

    async provenServices(after, limit) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('proofs')
            .select('service_id')
            .where('service_id', '>', after)
            .union(db.selectFrom('drills').select('service_id').where('service_id', '>', after))
            .orderBy('service_id')
            .limit(limit)
            .execute(),
      );
      return rows.map((row) => row.service_id);
    },

    async listProvers(organization) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('services')
            .select(['service_id', 'agent_id', 'hostname', 'last_seen_at', 'prover'])
            .where('organization', '=', organization)
            .where('prover', 'is not', null)
            .where('agent_id', '!=', '')
            .orderBy('service_id')
            .execute(),
      );
      return rows.map((row) => ({
        agentId: row.agent_id,
        serviceId: row.service_id,
        hostname: row.hostname,
        lastSeenAt: row.last_seen_at,
        offer: JSON.parse(row.prover ?? '') as ProverOffer,
      }));
    },
  };
}

function recordOf(row: DrillRow): DrillRecord {
  return { serviceId: row.service_id, schedule: row.schedule, offsetSeconds: row.offset_seconds };
}
