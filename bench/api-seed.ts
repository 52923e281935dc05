/** A catalog with very many backups: those of 1,000 services over 100 days, all of one organization. */
import { Kysely, sql, type RawBuilder } from 'kysely';
import { Database, type Backend } from '../catalog/database.ts';
import { migrateToLatest } from '../catalog/migrate.ts';
import type { Tables } from '../catalog/schema.ts';

export const organization = 'bench';
const services = 1_000;
const days = 100;
const slice = 50_000;

/** What the two databases say in different words. */
interface Words {
  /** `n` with zeros before it. */
  padded(n: RawBuilder<unknown>, digits: number): RawBuilder<unknown>;
  /** A time of the catalog, that many seconds after the first day began. */
  instant(seconds: RawBuilder<unknown>): RawBuilder<unknown>;
  /** Done before and after a great many rows are added. */
  before: string[];
  after: string[];
}

const sqliteWords: Words = {
  padded: (n, digits) => sql`printf(${sql.lit(`%0${digits}d`)}, ${n})`,
  instant: (seconds) => sql`strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + ${seconds}, 'unixepoch')`,
  before: [],
  after: ['analyze'],
};

/** The counts are made at once afterwards: a transaction that counts a row up a thousand times keeps every step. */
const postgresWords: Words = {
  padded: (n, digits) => sql`lpad((${n})::text, ${sql.lit(digits)}, '0')`,
  instant: (seconds) =>
    sql`to_char(to_timestamp(1767225600 + ${seconds}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  before: ['alter table backups disable trigger user'],
  after: [
    ...["''", 'service_id'].map(
      (service) => `insert into backup_counts (organization, service_id, day, status, type, count)
        select organization, ${service}, substr(created_at, 1, 10), status, type, count(*)
        from backups group by 1, 2, 3, 4, 5`,
    ),
    'alter table backups enable trigger user',
    'vacuum analyze backups',
    'analyze backup_counts',
  ],
};

/** Migrates the catalog and fills it with `rows` backups: one in 20 failed, one in 10 a dump. */
export async function seed(backend: Backend, kind: 'sqlite' | 'postgres', rows: number): Promise<void> {
  const kysely = new Kysely<Tables>({ dialect: backend.dialect });
  const database = new Database(kysely, backend);
  const words = kind === 'sqlite' ? sqliteWords : postgresWords;
  try {
    await migrateToLatest(kysely);
    for (const statement of words.before) await sql.raw(statement).execute(kysely);
    await database.write(async (db) => {
      const service = serviceOf(words);
      const start = words.instant(sql`0`);
      await sql`with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ${sql.lit(services - 1)})
        insert into services (service_id, service_name, organization, labels, cloud_provider, agent_id, server_name,
          server_version, server_running, layout, storage, hostname, agent_version, warnings, registered_at, last_seen_at)
        select ${service}, ${service}, ${sql.lit(organization)}, '{}', '', 'agent', 'db-0', '10.11.6', 1,
          '{"members":[],"innodbDataFiles":[],"innodbPageSize":16384,"lowerCaseTableNames":0,"binlogBasename":"","obstacles":[]}',
          'file:///srv', 'host', '0', '[]', ${start}, ${start} from numbers`.execute(db);
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
