/** The services that agents have announced. */
import type { Transaction } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import type { ProverOffer } from '../domain/proofs/offer.ts';
import { instant, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { pageOf } from './pages.ts';
import type { ServiceRow, Tables } from './schema.ts';
import type { Catalog, ServiceRecord } from './types.ts';

type ServiceQueries = Pick<Catalog, 'upsertService' | 'findService' | 'listServices'>;

export function servicesIn(database: Database): ServiceQueries {
  return {
    async upsertService(service) {
      await database.write(async (db) => await upsertServiceIn(db, service));
    },

    async findService(serviceId, organization) {
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('services')
            .selectAll()
            .where((eb) => eb.and(present({ service_id: serviceId, organization })))
            .executeTakeFirst(),
      );
      return row && serviceOf(row);
    },

    async listServices(organization, page) {
      return await pageOf(database, page, {
        matching: (db) => db.selectFrom('services').where('organization', '=', organization),
        rows: (matching) => matching.selectAll(),
        recordOf: serviceOf,
        key: { created: 'registered_at', id: 'service_id' },
      });
    },
  };
}

/** As `Catalog.upsertService`, within a transaction. @throws service_taken */
export async function upsertServiceIn(
  transaction: Transaction<Tables>,
  service: ServiceRecord,
): Promise<void> {
  const row = rowOf(service);
  const written = await transaction
    .insertInto('services')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('service_id')
        .doUpdateSet({ ...row, registered_at: (eb) => eb.ref('services.registered_at') })
        // In the statement itself: a check before it could be overtaken by another announcement.
        .whereRef('services.organization', '=', 'excluded.organization'),
    )
    .returning('service_id')
    .executeTakeFirst();
  if (written) return;
  throw new TidemarkError(
    'service_taken',
    `The service ${service.serviceId} belongs to another organization than ${service.organization}. ` +
      'Give the agent another service_id, or the organization that has the service.',
  );
}

function rowOf(service: ServiceRecord): ServiceRow {
  return {
    service_id: service.serviceId,
    service_name: service.serviceName,
    organization: service.organization,
    labels: JSON.stringify(service.labels),
    cloud_provider: service.cloudProvider,
    agent_id: service.agentId,
    server_name: service.serverName,
    server_version: prose(service.serverVersion),
    server_running: service.serverRunning ? 1 : 0,
    layout: JSON.stringify(service.layout),
    storage: service.storage,
    hostname: service.hostname,
    agent_version: service.agentVersion,
    warnings: JSON.stringify(service.warnings),
    encryption: JSON.stringify(service.encryption ?? null),
    prover: service.prover ? JSON.stringify(service.prover) : null,
    registered_at: instant(service.registeredAt),
    last_seen_at: instant(service.lastSeenAt),
  };
}

export function serviceOf(row: ServiceRow): ServiceRecord {
  const encryption = JSON.parse(row.encryption) as ServiceRecord['encryption'] | null;
  return {
    serviceId: row.service_id,
    serviceName: row.service_name,
    organization: row.organization,
    labels: JSON.parse(row.labels) as ServiceRecord['labels'],
    cloudProvider: row.cloud_provider,
    agentId: row.agent_id,
    serverName: row.server_name,
    serverVersion: row.server_version,
    serverRunning: row.server_running === 1,
    layout: JSON.parse(row.layout) as ServiceRecord['layout'],
    storage: row.storage,
    hostname: row.hostname,
    agentVersion: row.agent_version,
    warnings: JSON.parse(row.warnings) as ServiceRecord['warnings'],
    ...(encryption && { encryption }),
    ...(row.prover !== null && { prover: JSON.parse(row.prover) as ProverOffer }),
    registeredAt: row.registered_at,
    lastSeenAt: row.last_seen_at,
  };
}
