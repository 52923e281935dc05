/** A catalog with very many backups: those of 1,000 services over 100 days, all of one organization. */
import { Kysely, sql, type RawBuilder } from 'kysely';
import { Database, type Backend } from '../catalog/database.ts';
import { migrateToLatest } from '../catalog/migrate.ts';
import type { Tables } from '../catalog/schema.ts';
import { addServices, type Words, wordsOf } from './seed-words.ts';

export const organization = 'bench';
const services = 1_000;
const days = 100;
const slice = 50_000;

/** Migrates the catalog and fills it with `rows` backups: one in 20 failed, one in 10 a dump. */
export async function seed(backend: Backend, kind: 'sqlite' | 'postgres', rows: number): Promise<void> {
  const kysely = new Kysely<Tables>({ dialect: backend.dialect });
  const database = new Database(kysely, backend);
  const words = wordsOf(kind);
  try {
    await migrateToLatest(kysely);
    for (const statement of words.before) await sql.raw(statement).execute(kysely);
    await database.write(async (db) => {
      await addServices(db, words, { organization, services, name: serviceOf(words) });
    });
    for (let from = 0; from < rows; from += slice) await addBackups(database, words, { from, rows });
    for (const statement of words.after) await sql.raw(statement).execute(kysely);
  } finally {
    await database.close();
  }
}

/** A slice is one statement: a database is given only so long for one. */
async function addBackups(
  database: Database,
  words: Words,
  { from, rows }: { from: number; rows: number },
): Promise<void> {
  const last = Math.min(from + slice, rows) - 1;
  const n = sql`n`;
  const service = serviceOf(words);
  const at = words.instant(sql`${n} * (${sql.lit(days)} * 86400.0 / ${sql.lit(rows)})`);
  await database.write(async (db) => {
    await sql`with recursive numbers(n) as (select ${sql.lit(from)} union all select n + 1 from numbers where n < ${sql.lit(last)})
      insert into backups (id, organization, service_id, service_name, server_name, schedule_id, type, method,
        cloud_provider, status, message, created_at, updated_at, started_at, ended_at, point_in_time,
        reference_full_backup, stored_bytes, uncompressed_bytes, manifest_sha256)
      select ${words.padded(n, 32)} || ':' || ${service} || ':db-0', ${sql.lit(organization)}, ${service}, ${service},
        'db-0', n, case when n % 10 = 3 then 'dump' else 'full' end, 'skybucket', '',
        case when n % 20 = 7 then 'Failed' else 'Succeeded' end, 'Backup has succeeded.', ${at}, ${at}, ${at}, ${at},
        ${at}, '', 1000000, 3000000, '' from numbers`.execute(db);
  });
}

const serviceOf = (words: Words): RawBuilder<unknown> =>
  sql`'service-' || ${words.padded(sql`n % ${sql.lit(services)}`, 6)}`;
