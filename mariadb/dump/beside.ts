/**
 * What a server has besides the databases of a dump: a dump of some databases must change nothing of it, because it is
 * loaded into a running server by an account that may do anything.
 */
import { type Connection, rowsOf } from '../server/sql.ts';

/** By what it is, for people, and how it is. */
export type Beside = ReadonlyMap<string, string>;

/** Of the server's own schemas: what changes by itself, or with the tables, routines and events of the dump. */
const changing = new Set(
  [
    'proc',
    'event',
    'innodb_table_stats',
    'innodb_index_stats',
    'table_stats',
    'column_stats',
    'index_stats',
  ].concat(['general_log', 'slow_log', 'gtid_slave_pos', 'transaction_registry']),
);

/** @param databases those of the dump, which are left out */
export async function readBeside(connection: Connection, databases: readonly string[]): Promise<Beside> {
  const found = new Map<string, string>();
  await addTables(connection, found);
  await addVariables(connection, found);
  const named = new Set(databases.map((name) => name.toLowerCase()));
  for (const statement of objects) {
    const rows = await rowsOf<{ what: string; db: string; name: string; text: unknown }>(
      connection,
      statement,
    );
    for (const { what, db, name, text } of rows) {
      if (!named.has(db.toLowerCase())) found.set(`${what} ${db}.${name}`, String(text));
    }
  }
  return found;
}

/** What is there more, less, or otherwise. Sorted. */
export function changesBeside(before: Beside, after: Beside): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).sort();
}

/** Accounts, plugins, servers, functions: all of them are rows of tables. */
async function addTables(connection: Connection, found: Map<string, string>): Promise<void> {
  const tables = await rowsOf<{ db: string; name: string }>(
    connection,
    'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name FROM information_schema.TABLES ' +
      "WHERE TABLE_SCHEMA IN ('mysql', 'sys') AND TABLE_TYPE <> 'VIEW'",
  );
  for (const { db, name } of tables) {
    if (db === 'mysql' && changing.has(name)) continue;
    const [row] = await rowsOf<{ Checksum: unknown }>(
      connection,
      `CHECKSUM TABLE \`${db}\`.\`${name.replaceAll('`', '``')}\``,
    );
    found.set(`the table ${db}.${name}`, String(row?.Checksum));
  }
}

/** Those of GTIDs go on with each transaction, and a server that has little memory makes its pool smaller. */
async function addVariables(connection: Connection, found: Map<string, string>): Promise<void> {
  const variables = await rowsOf<{ Variable_name: string; Value: string }>(
    connection,
    'SHOW GLOBAL VARIABLES',
  );
  for (const { Variable_name: name, Value: value } of variables) {
    if (!name.startsWith('gtid_') && name !== 'innodb_buffer_pool_size')
      found.set(`the variable ${name}`, value);
  }
}

const objects = [
  "SELECT 'the routine' AS what, ROUTINE_SCHEMA AS db, ROUTINE_NAME AS name, " +
    'CRC32(CONCAT_WS(CHAR(0), LAST_ALTERED, DEFINER, ROUTINE_DEFINITION)) AS text FROM information_schema.ROUTINES',
  "SELECT 'the event' AS what, EVENT_SCHEMA AS db, EVENT_NAME AS name, " +
    'CRC32(CONCAT_WS(CHAR(0), LAST_ALTERED, DEFINER, EVENT_DEFINITION)) AS text FROM information_schema.EVENTS',
  "SELECT 'the trigger' AS what, TRIGGER_SCHEMA AS db, TRIGGER_NAME AS name, " +
    "CRC32(ACTION_STATEMENT) AS text FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN ('mysql', 'sys')",
  "SELECT 'the view' AS what, TABLE_SCHEMA AS db, TABLE_NAME AS name, " +
    "CRC32(CONCAT_WS(CHAR(0), DEFINER, VIEW_DEFINITION)) AS text FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN ('mysql', 'sys')",
];
