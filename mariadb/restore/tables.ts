/** Whether the tables of a copy can be read: each is opened, and its first row is read. */
import type { Attempt } from '../context.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { rowsOf, type Connection } from '../server/sql.ts';

/** Engines whose rows lie in the data directory. Others reach elsewhere, or read tables that are checked themselves. */
const localEngines = ['InnoDB', 'Aria', 'MyISAM', 'ARCHIVE', 'CSV', 'ROCKSDB'];
/** With very many tables the rest is left to the server: the copy was prepared, and each part's digest was right. */
const limitMs = 5 * 60_000;
/** How many broken tables a message names. */
const namedAtMost = 5;

interface TableRow {
  db: string;
  name: string;
  engine: string | null;
}

/**
 * @returns how many tables were opened
 * @throws private_server_failed naming the tables that cannot be read
 */
export async function openTables(connection: Connection, attempt: Attempt): Promise<number> {
  const tables = await rowsOf<TableRow>(
    connection,
    'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES ' +
      "WHERE TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED') " +
      "AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema')",
  );
  const broken: string[] = [];
  const end = Date.now() + limitMs;
  let opened = 0;
  for (const { db, name, engine } of tables) {
    attempt.signal.throwIfAborted();
    if (Date.now() > end) {
      attempt.log.warn({ opened, tables: tables.length }, 'There are too many tables to open each of them.');
      break;
    }
    if (engine !== null && !localEngines.includes(engine)) continue;
    const table = `${quote(db)}.${quote(name)}`;
    try {
      await rowsOf(connection, `SELECT 1 FROM ${table} LIMIT 1`);
      opened += 1;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'database_unreachable')
        throw crashed(table, error);
      broken.push(`${table} (${reasonOf(error)})`);
    }
  }
  if (broken.length > 0) throw unreadable(broken);
  return opened;
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The server's own words, without what the connector adds to them. */
function reasonOf(error: unknown): string {
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

function unreadable(broken: readonly string[]): TidemarkError {
  const more = broken.length > namedAtMost ? ` and ${broken.length - namedAtMost} more` : '';
  return new TidemarkError(
    'private_server_failed',
    `In the restored copy these tables cannot be read: ${broken.slice(0, namedAtMost).join(', ')}${more}. ` +
      'Restore another backup, or drop them where the backup was taken and back up again.',
  );
}
