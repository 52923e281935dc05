/** Opens the catalog: the queries of every subject over one database. */
import { Kysely, sql } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { adoptionIn } from './adoption.ts';
import { apiKeysIn } from './api-keys.ts';
import { archiveIn } from './archive.ts';
import { archiveSearchIn } from './archive-search.ts';
import { auditIn } from './audit.ts';
import { agentsIn } from './agents.ts';
import { breaksIn } from './breaks.ts';
import { backupsIn } from './backups.ts';
import { copiesIn } from './copies.ts';
import { chainsIn } from './chains.ts';
import { type Backend, Database } from './database.ts';
import { deploymentIn } from './deployment.ts';
import { externalBucketsIn } from './external-buckets.ts';
import { drillsIn } from './drills.ts';
import { followingsIn } from './followings.ts';
import { idempotencyIn } from './idempotency.ts';
import { migrateToLatest } from './migrate.ts';
import { measurementsIn } from './measurements.ts';
import { nightliesIn } from './nightlies.ts';
import { recoveryIn } from './recovery-facts.ts';
import { objectLooksIn } from './object-looks.ts';
import { placesIn } from './places.ts';
import { pruningsIn } from './prunings.ts';
import { proofsIn } from './proofs.ts';
import { postgresBackend } from './postgres.ts';
import { restoresIn } from './restores.ts';
import { retentionIn } from './retention.ts';
import { scheduledBackupsIn } from './scheduled-backups.ts';
import { scheduleIntentsIn } from './schedule-intents.ts';
import { schedulesIn } from './schedules.ts';
import type { Tables } from './schema.ts';
import { serviceSettingsIn } from './service-settings.ts';
import { servicesIn } from './services.ts';
import { sqliteBackend } from './sqlite.ts';
import type { Catalog } from './types.ts';
import { undosIn } from './undos.ts';
import { verificationsIn } from './verifications.ts';
import { yieldingIn } from './yielding.ts';

/**
 * The database is reached at the first call, not here: a process can start before its database does.
 *
 * @param location `sqlite:///path/of/file` (the path as it is, nothing in it is decoded), or
 *   `postgres://user@host:port/database`
 * @param options.password for PostgreSQL; beats one inside the location
 * @throws invalid_setting when the location is neither
 * @example
 * const catalog = await openCatalog('sqlite:///var/lib/tidemark/catalog.db');
 * await catalog.migrate();
 */
export async function openCatalog(location: string, options: { password?: string } = {}): Promise<Catalog> {
  const backend = backendOf(location, options.password);
  const kysely = new Kysely<Tables>({ dialect: backend.dialect });
  const database = new Database(kysely, backend);
  const { unfinishedBackups, ...backups } = backupsIn(database);
  const { unfinishedRestores, ...restores } = restoresIn(database);
  const { unfinishedUndos, ...undos } = undosIn(database);
  const { unfinishedVerifications, ...verifications } = verificationsIn(database);
  const { unfinishedProofs, ...proofs } = proofsIn(database);
  return {
    migrate: async () => await database.read(migrateToLatest),
    async ping() {
      await database.read(async (db) => await sql`select 1`.execute(db));
    },
    close: async () => await database.close(),
    async unfinished() {
      return {
        backups: await unfinishedBackups(),
        restores: await unfinishedRestores(),
        undos: await unfinishedUndos(),
        verifications: await unfinishedVerifications(),
        proofs: await unfinishedProofs(),
      };
    },
    ...deploymentIn(database),
    ...servicesIn(database),
    ...schedulesIn(database),
    ...scheduleIntentsIn(database),
    ...scheduledBackupsIn(database),
    ...backups,
    ...restores,
    ...undos,
    ...verifications,
    ...proofs,
    ...drillsIn(database),
    ...placesIn(database),
    ...apiKeysIn(database),
    ...idempotencyIn(database),
    ...auditIn(database),
    ...serviceSettingsIn(database),
    ...retentionIn(database),
    ...agentsIn(database),
    ...nightliesIn(database),
    ...yieldingIn(database),
    ...externalBucketsIn(database),
    ...copiesIn(database),
    ...chainsIn(database),
    ...archiveIn(database),
    ...pruningsIn(database),
    ...recoveryIn(database),
    ...measurementsIn(database),
    ...followingsIn(database),
    ...breaksIn(database),
    ...archiveSearchIn(database),
    ...adoptionIn(database),
    ...objectLooksIn(database),
  };
}

function backendOf(location: string, password: string | undefined): Backend {
  if (/^sqlite:\/\/\/./.test(location)) return sqliteBackend(location.slice('sqlite://'.length));
  if (/^postgres(ql)?:\/\//.test(location)) return postgresBackend(location, password);
  // The text is not repeated: a slip in the first word would show the password behind it.
  throw new TidemarkError(
    'invalid_setting',
    'The location of the catalog is neither sqlite:///path/of/file nor postgres://user@host:port/database.',
  );
}
