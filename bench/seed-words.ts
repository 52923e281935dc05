/** What a seed says to each of the two databases in its own words. */
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { Tables } from '../catalog/schema.ts';

/** Seconds since 1970: the first of January 2026. */
export const firstDay = 1_767_225_600;

export interface Words {
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
  instant: (seconds) => sql`strftime('%Y-%m-%dT%H:%M:%fZ', ${sql.lit(firstDay)} + ${seconds}, 'unixepoch')`,
  before: [],
  after: ['analyze'],
};

/** The counts are made at once afterwards: a transaction that counts a row up a thousand times keeps every step. */
const postgresWords: Words = {
  padded: (n, digits) => sql`lpad((${n})::text, ${sql.lit(digits)}, '0')`,
  instant: (seconds) =>
    sql`to_char(to_timestamp(${sql.lit(firstDay)} + ${seconds}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
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

export function wordsOf(kind: 'sqlite' | 'postgres'): Words {
  return kind === 'sqlite' ? sqliteWords : postgresWords;
}

/** @param name of each, of its number `n` from 0 on */
export async function addServices(
  db: Kysely<Tables>,
  words: Words,
  { organization, services, name }: { organization: string; services: number; name: RawBuilder<unknown> },
): Promise<void> {
  const start = words.instant(sql`0`);
  await sql`with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ${sql.lit(services - 1)})
    insert into services (service_id, service_name, organization, labels, cloud_provider, agent_id, server_name,
      server_version, server_running, layout, storage, hostname, agent_version, warnings, registered_at, last_seen_at)
    select ${name}, ${name}, ${sql.lit(organization)}, '{}', '', 'agent', 'db-0', '10.11.6', 1,
      '{"members":[],"innodbDataFiles":[],"innodbPageSize":16384,"lowerCaseTableNames":0,"binlogBasename":"","obstacles":[]}',
      'file:///srv', 'host', '0', '[]', ${start}, ${start} from numbers`.execute(db);
}
