/**
 * What the recovery window is computed of: whether a dump holds all of its server; and a mark of each service that is
 * another after every change of a backup that can be restored, so that whoever has read them need not read them again.
 */
import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { columnTypes } from './columns.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { key } = columnTypes(db);
  await db.schema
    .alterTable('backups')
    // Null on what is no dump, and on one of before: nobody knows.
    .addColumn('dump_whole', 'integer')
    .execute();
  await db.schema
    .createTable('recovery_marks')
    .addColumn('service_id', key, (column) => column.primaryKey())
    // Random, and not counted: a catalog that is put back to an earlier state has that state's mark.
    .addColumn('mark', key, (column) => column.notNull())
    .execute();
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const random = postgres ? 'gen_random_uuid()::text' : 'lower(hex(randomblob(16)))';
  await sql`insert into recovery_marks (service_id, mark) select service_id, ${sql.raw(random)} from services`.execute(
    db,
  );
  for (const statement of postgres ? postgresTriggers : sqliteTriggers) await sql.raw(statement).execute(db);
}

const sqliteMark = `insert into recovery_marks (service_id, mark)`;
const sqliteAnew = `on conflict (service_id) do update set mark = excluded.mark;`;
const sqliteValue = 'lower(hex(randomblob(16)))';

/** @param row `new` or `old` */
const ofBackup = (row: string): string =>
  `begin ${sqliteMark} values (${row}.service_id, ${sqliteValue}) ${sqliteAnew} end`;

const ofVerification = (row: string): string =>
  `begin ${sqliteMark} select service_id, ${sqliteValue} from backups where id = ${row}.backup_id ${sqliteAnew} end`;

const sqliteTriggers = [
  `create trigger backups_marked_in after insert on backups when new.status = 'Succeeded' ${ofBackup('new')}`,
  `create trigger backups_marked_out after delete on backups when old.status = 'Succeeded' ${ofBackup('old')}`,
  `create trigger backups_marked_anew after update on backups
   when new.status = 'Succeeded' or old.status = 'Succeeded' ${ofBackup('new')}`,
  `create trigger verifications_marked_in after insert on verifications when new.known_damaged <> 0
   ${ofVerification('new')}`,
  `create trigger verifications_marked_out after delete on verifications when old.known_damaged <> 0
   ${ofVerification('old')}`,
  `create trigger verifications_marked_anew after update of known_damaged on verifications
   when new.known_damaged <> old.known_damaged ${ofVerification('new')}`,
];

const postgresTriggers = [
  `create function mark_recovery(marked text) returns void language sql as $$
    insert into recovery_marks (service_id, mark) values (marked, gen_random_uuid()::text)
    on conflict (service_id) do update set mark = excluded.mark
  $$`,
  `create function mark_backup() returns trigger language plpgsql as $$ begin
    if tg_op = 'DELETE' then perform mark_recovery(old.service_id);
    else perform mark_recovery(new.service_id); end if;
    return null;
  end $$`,
  `create function mark_verification() returns trigger language plpgsql as $$ begin
    perform mark_recovery(service_id) from backups
    where id = case tg_op when 'DELETE' then old.backup_id else new.backup_id end;
    return null;
  end $$`,
  `create trigger backups_marked_in after insert on backups for each row when (new.status = 'Succeeded')
   execute function mark_backup()`,
  `create trigger backups_marked_out after delete on backups for each row when (old.status = 'Succeeded')
   execute function mark_backup()`,
  `create trigger backups_marked_anew after update on backups for each row
   when (new.status = 'Succeeded' or old.status = 'Succeeded') execute function mark_backup()`,
  `create trigger verifications_marked_in after insert on verifications for each row
   when (new.known_damaged <> 0) execute function mark_verification()`,
  `create trigger verifications_marked_out after delete on verifications for each row
   when (old.known_damaged <> 0) execute function mark_verification()`,
  `create trigger verifications_marked_anew after update of known_damaged on verifications for each row
   when (new.known_damaged <> old.known_damaged) execute function mark_verification()`,
];
