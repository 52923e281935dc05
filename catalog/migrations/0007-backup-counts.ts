/**
 * How many backups there are of each kind on each day, kept by the database itself: to count a million rows for every
 * page, or to step over half of them, takes longer than all else of an answer.
 */
import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .createTable('backup_counts')
    .addColumn('organization', key, (column) => column.notNull())
    // Empty: all services of the organization together.
    .addColumn('service_id', key, (column) => column.notNull())
    .addColumn('day', key, (column) => column.notNull())
    .addColumn('status', key, (column) => column.notNull())
    .addColumn('type', key, (column) => column.notNull())
    .addColumn('count', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('backup_counts_key', ['organization', 'service_id', 'day', 'status', 'type'])
    .execute();
  // For several filters at once: of an index on one of them the rows with another's other values are looked at, too.
  for (const filters of [
    ['status', 'type'],
    ['service_id', 'status', 'type'],
  ]) {
    const columns = ['organization', ...filters, 'created_at', 'id'];
    await db.schema
      .createIndex(`backups_by_${columns.join('_')}`)
      .on('backups')
      .columns(columns)
      .execute();
  }
  for (const service of ["''", 'service_id']) {
    await sql`
      insert into backup_counts (organization, service_id, day, status, type, count)
      select organization, ${sql.raw(service)}, substr(created_at, 1, 10), status, type, count(*)
      from backups group by 1, 2, 3, 4, 5`.execute(db);
  }
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  for (const statement of postgres ? postgresTriggers : sqliteTriggers) await sql.raw(statement).execute(db);
}

/** @param row `new` */
const add = (row: string): string => `
  insert into backup_counts (organization, service_id, day, status, type, count)
  values (${row}.organization, '', substr(${row}.created_at, 1, 10), ${row}.status, ${row}.type, 1),
    (${row}.organization, ${row}.service_id, substr(${row}.created_at, 1, 10), ${row}.status, ${row}.type, 1)
  on conflict (organization, service_id, day, status, type) do update set count = backup_counts.count + 1;`;

/** @param row `old` */
const take = (row: string): string => {
  const rows = `organization = ${row}.organization and service_id in ('', ${row}.service_id)
    and day = substr(${row}.created_at, 1, 10) and status = ${row}.status and type = ${row}.type`;
  return `
  update backup_counts set count = count - 1 where ${rows};
  delete from backup_counts where ${rows} and count = 0;`;
};

/** For a row that changed what it is counted by. */
export const countAnew = `${take('old')} ${add('new')}`;

const sqliteTriggers = [
  `create trigger backups_counted_in after insert on backups begin ${add('new')} end`,
  `create trigger backups_counted_out after delete on backups begin ${take('old')} end`,
  `create trigger backups_counted_anew after update of status on backups when old.status <> new.status
   begin ${countAnew} end`,
];

const postgresTriggers = [
  `create function count_backups() returns trigger language plpgsql as $$ begin
    if tg_op <> 'INSERT' then ${take('old')} end if;
    if tg_op <> 'DELETE' then ${add('new')} end if;
    return null;
  end $$`,
  'create trigger backups_counted after insert or delete on backups for each row execute function count_backups()',
  `create trigger backups_counted_anew after update of status on backups for each row
   when (old.status is distinct from new.status) execute function count_backups()`,
];
