/** Whether the tables of a copy can be read: each is opened, and its first row is read. */
import path from 'node:path';
import type { Attempt } from '../context.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { rowsOf, type Connection } from '../server/sql.ts';
import { isMissing } from './files.ts';

/** Engines whose rows lie in the data directory. Others reach elsewhere, or read tables that are checked themselves. */
const localEngines = ['InnoDB', 'Aria', 'MyISAM', 'ARCHIVE', 'CSV', 'ROCKSDB'];
/** With very many tables the rest is left to the server: the copy was prepared, and each part's digest was right. */
const limitMs = 5 * 60_000;
/** How many tables are named of those that cannot be read. */
const namedAtMost = 5;

/** The server's numbers for what it says of a table. */
const unknownEngine = 1286;
const unknownToEngine = 1932;
const fileNotFound = 1017;

export interface TableRow {
  db: string;
  name: string;
  /** Its rows lie in the data directory; or nobody would be reached by opening it, because its engine is not there. */
  local: boolean;
}

/** All tables of a server but those that show its own state. */
export async function listTables(connection: Connection): Promise<TableRow[]> {
  const rows = await rowsOf<
    Omit<TableRow, 'local'> & { engine: string | null; loaded: number | bigint | null }
  >(
    connection,
    'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name, ENGINE AS engine, ' +
      "ENGINE IN (SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')) AS loaded " +
      'FROM information_schema.TABLES ' +
      "WHERE TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED') " +
      "AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema')",
  );
  return rows.map(({ engine, loaded, ...row }) => ({
    ...row,
    // To open a table of an engine that is not there reaches nothing, and says that it is not there.
    local: engine === null || localEngines.includes(engine) || Number(loaded) !== 1,
  }));
}

/**
 * @param directory the copy
 * @returns how many tables were opened; and a sentence for each that could not be read on any server of these
 *   settings, because it has no data or its engine is not there; and one that says how many were not opened at all
 * @throws private_server_failed naming the tables whose data is there and cannot be read
 */
export async function openTables(
  connection: Connection,
  directory: string,
  attempt: Attempt,
): Promise<{ opened: number; warnings: string[] }> {
  const tables = await listTables(connection);
  const broken: string[] = [];
  const without: string[] = [];
  const end = Date.now() + limitMs;
  let opened = 0;
  let left = 0;
  for (const [index, row] of tables.entries()) {
    const { db, name, local } = row;
    attempt.signal.throwIfAborted();
    if (Date.now() > end) {
      left = tables.length - index;
      break;
    }
    if (!local) continue;
    const table = `${quote(db)}.${quote(name)}`;
    try {
      await rowsOf(connection, `SELECT 1 FROM ${table} LIMIT 1`);
      opened += 1;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'database_unreachable')
        throw crashed(table, error);
      // The server's own schema has all its tables in every copy that is whole.
      const known = db === 'mysql' || !(await isWithoutData(connection, directory, row, error));
      (known ? broken : without).push(`${table} (${reasonOf(error)})`);
    }
  }
  if (broken.length > 0) throw damaged(broken);
  return { opened, warnings: [...describe(without), ...(left > 0 ? [unopened(left, tables.length)] : [])] };
}

/**
 * Whether a table is without data or engine: left by a DROP that was interrupted, or of a plugin that this server does
 * not load. It was the same where the backup was taken, in each backup since; to refuse them would leave none that can
 * be restored.
 */
export async function isWithoutData(
  connection: Connection,
  directory: string,
  { db, name }: Pick<TableRow, 'db' | 'name'>,
  error: unknown,
): Promise<boolean> {
  const { errno, sqlMessage } = error as { errno?: unknown; sqlMessage?: unknown };
  if (errno === unknownEngine) return true;
  // Some versions say the same of a table that they cannot decrypt; but InnoDB's dictionary knows that one.
  if (errno === unknownToEngine) return !(await isInDictionary(connection, db, name));
  if (errno !== fileNotFound || typeof sqlMessage !== 'string') return false;
  // Of MyISAM and Aria: without an index file, but with rows, a table is damaged.
  const [, table, kind] = /'\.\/([^']+)\.M([YA])I'/.exec(sqlMessage) ?? [];
  return table !== undefined && (await isMissing(path.join(directory, `${table}.M${kind}D`)));
}

/** InnoDB names tables as their files are named; each partition is a table to it. */
async function isInDictionary(connection: Connection, db: string, name: string): Promise<boolean> {
  const [encoded] = await rowsOf<{ db: string; name: string }>(
    connection,
    'SELECT HEX(CONVERT(? USING filename)) AS db, HEX(CONVERT(? USING filename)) AS name',
    [db, name],
  );
  const file = [encoded?.db, encoded?.name].map((hex) => Buffer.from(hex ?? '', 'hex').toString('latin1'));
  const [row] = await rowsOf<{ known: number | bigint }>(
    connection,
    'SELECT COUNT(*) AS known FROM information_schema.INNODB_SYS_TABLES ' +
      "WHERE SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '#P#', 1), '#p#', 1) = ?",
    [file.join('/')],
  );
  return Number(row?.known ?? 1) > 0;
}

function describe(without: readonly string[]): string[] {
  const sentences = without
    .slice(0, namedAtMost)
    .map(
      (table) =>
        `The table ${table} cannot be read: the backup has its definition alone, or this server no engine for it.`,
    );
  const more = without.length - sentences.length;
  return more > 0 ? [...sentences, `${more} more tables cannot be read for such reasons.`] : sentences;
}

function unopened(left: number, all: number): string {
  return (
    `${left} of ${all} tables were not opened to see whether they can be read: ${limitMs / 60_000} minutes were not ` +
    'enough. Look at the ones that matter with CHECK TABLE.'
  );
}

export function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The server's own words, without what the connector adds to them. */
export function reasonOf(error: unknown): string {
  const said = (error as { sqlMessage?: unknown }).sqlMessage;
  return (typeof said === 'string' ? said : messageOf(error)).split('\n')[0] ?? '';
}

function crashed(table: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'private_server_failed',
    `The private server on the restored copy ended when it opened ${table}: ${messageOf(cause)}`,
    { cause },
  );
}

function damaged(broken: readonly string[]): TidemarkError {
  const more = broken.length > namedAtMost ? ` and ${broken.length - namedAtMost} more` : '';
  return new TidemarkError(
    'private_server_failed',
    `In the restored copy these tables cannot be read: ${broken.slice(0, namedAtMost).join(', ')}${more}. ` +
      'Restore another backup, or drop them where the backup was taken and back up again.',
  );
}
