/** Incremental backups: what each builds on. One that turns out to be a full is counted as such. */
import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { countAnew } from './0007-backup-counts.ts';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .alterTable('backups')
    .addColumn('parent_backup', key, (column) => column.notNull().defaultTo(''))
    .execute();
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  for (const statement of postgres ? postgresTriggers : sqliteTriggers) await sql.raw(statement).execute(db);
}

const sqliteTriggers = [
  'drop trigger backups_counted_anew',
  `create trigger backups_counted_anew after update of status, type on backups
   when old.status <> new.status or old.type <> new.type begin ${countAnew} end`,
];

const postgresTriggers = [
  'drop trigger backups_counted_anew on backups',
  `create trigger backups_counted_anew after update of status, type on backups for each row
   when (old.status is distinct from new.status or old.type is distinct from new.type)
   execute function count_backups()`,
];
