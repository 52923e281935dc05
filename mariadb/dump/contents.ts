/** What a running server has for a dump: its databases, how large they are, and what is not of one instant in them. */
import { chooseDatabases, type DumpFilter, listed } from '../../domain/dump.ts';
import type { DumpContent } from '../../domain/manifest.ts';
import { type Connection, rowsOf } from '../server/sql.ts';

export interface DumpSubject {
  content: DumpContent;
  /** Of the rows, and of rows and indexes, as the server estimates them. */
  rowBytes: number;
  dataBytes: number;
  /** MEMORY tables of these databases, as `db`.`table`. */
  memoryTables: string[];
  /** What a person should know, each a sentence. */
  warnings: string[];
}

/** Engines whose rows `--single-transaction` shows as of one instant. */
const transactional = ['InnoDB', 'ROCKSDB'];
/** Engines without rows of their own. */
const rowless = ['MRG_MyISAM', 'BLACKHOLE', 'FEDERATED', 'CONNECT', 'SPIDER', 'SEQUENCE'];

/** @throws dump_empty */
export async function inspectSubject(connection: Connection, filter: DumpFilter): Promise<DumpSubject> {
  const schemata = await rowsOf<{ name: string }>(
    connection,
    'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA',
  );
  const { missing, unmet, ...content } = chooseDatabases(
    schemata.map(({ name }) => name),
    filter,
  );
  const warnings: string[] = [];
  if (missing.length > 0) {
    warnings.push(`The setting "dump" includes ${listed(missing)}, which the server does not have.`);
  }
  if (unmet.length > 0) {
    warnings.push(
      `The setting "dump" excludes ${listed(unmet)}, which the server does not have: see whether another spelling, or case, is meant.`,
    );
  }
  if (content.databases.length === 0)
    return { content, rowBytes: 0, dataBytes: 0, memoryTables: [], warnings };
  const [sizes] = await rowsOf<{ rowBytes: number | null; dataBytes: number | null }>(
    connection,
    'SELECT SUM(DATA_LENGTH) AS rowBytes, SUM(DATA_LENGTH + INDEX_LENGTH) AS dataBytes ' +
      'FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (?)',
    [content.databases],
  );
  const loose = await rowsOf<{ db: string; name: string; engine: string }>(
    connection,
    'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES ' +
      "WHERE TABLE_SCHEMA IN (?) AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND ENGINE NOT IN (?) ORDER BY 1, 2",
    [content.databases, [...transactional, ...rowless]],
  );
  const tables = loose.map(({ db, name, engine }) => ({ table: `${quote(db)}.${quote(name)}`, engine }));
  // What a replay leaves out does not stand in its way.
  const memory = tables.filter(({ engine }) => engine === 'MEMORY').map(({ table }) => table);
  const looseTables = tables.filter(({ engine }) => engine !== 'MEMORY').map(({ table }) => table);
  if (tables.length > 0) {
    const follows = looseTables.length > 0 ? ' No binlog can be replayed onto the dump.' : '';
    warnings.push(
      `Tables of engines without transactions are dumped as they are when their turn comes, not as of one instant: ${listed(tables.map(({ table }) => table))}.${follows}`,
    );
  }
  const floats = await rowsOf<{ db: string; name: string; field: string }>(
    connection,
    'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name, COLUMN_NAME AS field FROM information_schema.COLUMNS ' +
      "WHERE TABLE_SCHEMA IN (?) AND DATA_TYPE = 'float' ORDER BY 1, 2, 3",
    [content.databases],
  );
  if (floats.length > 0) {
    const names = floats.map(({ db, name, field }) => `${quote(db)}.${quote(name)}.${quote(field)}`);
    warnings.push(
      `mariadb-dump writes six digits of a FLOAT; a full backup keeps all of them, and so does DOUBLE. It concerns ${listed(names)}.`,
    );
  }
  return {
    content: { ...content, ...(looseTables.length > 0 && { looseTables }) },
    rowBytes: Number(sizes?.rowBytes ?? 0),
    dataBytes: Number(sizes?.dataBytes ?? 0),
    memoryTables: memory,
    warnings,
  };
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
