/** What a server has in some databases, by name: tables, sequences and views. */
import { TidemarkError } from '../../domain/errors.ts';
import { listed } from '../../domain/dump.ts';
import type { WantedDatabase } from '../../domain/part.ts';
import { type Connection, rowsOf } from '../server/sql.ts';

export type ObjectKind = 'table' | 'sequence' | 'view';

export interface DatabaseObject {
  name: string;
  kind: ObjectKind;
  /** Of a view, and of a table that cannot be opened, empty. */
  engine: string;
  /** Rows with their indexes, as the server estimates them. */
  bytes: number;
}

export interface DatabaseContent {
  name: string;
  /** As CREATE DATABASE takes it. */
  characterSet: string;
  collation: string;
  objects: DatabaseObject[];
}

const kinds: Record<string, ObjectKind> = {
  'BASE TABLE': 'table',
  'SYSTEM VERSIONED': 'table',
  SEQUENCE: 'sequence',
  VIEW: 'view',
};

/** How a server compares names of databases and tables. */
export async function namesOf(connection: Connection): Promise<(name: string) => string> {
  const [row] = await rowsOf<{ folded: number }>(connection, 'SELECT @@lower_case_table_names AS folded');
  return Number(row?.folded ?? 0) === 0 ? (name) => name : (name) => name.toLowerCase();
}

export async function databaseNames(connection: Connection): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    connection,
    'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA',
  );
  return rows.map(({ name }) => name);
}

/** A database of exactly this name, for which information_schema alone would take others, too. */
export async function contentOf(connection: Connection, name: string): Promise<DatabaseContent | undefined> {
  const schemata = await rowsOf<{ name: string; characterSet: string; collation: string }>(
    connection,
    'SELECT SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS characterSet, DEFAULT_COLLATION_NAME AS collation ' +
      'FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?',
    [name],
  );
  const schema = schemata.find((row) => row.name === name);
  if (!schema) return undefined;
  const rows = await rowsOf<{
    db: string;
    name: string;
    type: string;
    engine: string | null;
    bytes: number | string | null;
  }>(
    connection,
    'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine, ' +
      'DATA_LENGTH + INDEX_LENGTH AS bytes FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME',
    [name],
  );
  const objects = rows.flatMap(({ db, type, engine, bytes, ...row }): DatabaseObject[] => {
    const kind = kinds[type];
    if (kind === undefined || db !== name) return [];
    return [{ name: row.name, kind, engine: engine ?? '', bytes: Number(bytes ?? 0) }];
  });
  return { ...schema, objects };
}

/** What is to be brought back of one database of the copy. */
export interface ChosenDatabase extends DatabaseContent {
  whole: boolean;
}

/**
 * What a request means, in a copy.
 *
 * @throws part_not_found, naming what there is in place of what is not
 */
export async function choose(
  connection: Connection,
  wanted: readonly WantedDatabase[],
): Promise<ChosenDatabase[]> {
  const fold = await namesOf(connection);
  const there = (await databaseNames(connection)).filter((name) => !name.startsWith('#mysql50#'));
  const chosen: ChosenDatabase[] = [];
  const missing: string[] = [];
  for (const { name, tables } of wanted) {
    const own = there.find((other) => fold(other) === fold(name));
    const content = own === undefined ? undefined : await contentOf(connection, own);
    if (!content) {
      missing.push(`There is no database ${name} in it${alike(name, there)}.`);
      continue;
    }
    if (tables === 'all') {
      chosen.push({ ...content, whole: true });
      continue;
    }
    const objects = tables.map((table) => content.objects.find((other) => fold(other.name) === fold(table)));
    for (const [index, table] of tables.entries()) {
      if (objects[index]) continue;
      const names = content.objects.map((other) => other.name);
      missing.push(`There is no table ${content.name}.${table} in it${alike(table, names)}.`);
    }
    const found = [...new Set(objects.flatMap((object) => object ?? []))];
    chosen.push({ ...content, objects: found, whole: false });
  }
  if (missing.length > 0) {
    throw new TidemarkError(
      'part_not_found',
      `The backup does not have what include names. ${missing.slice(0, 5).join(' ')} Nothing was changed.`,
    );
  }
  return chosen;
}

/** Names that only their case tells apart go first. */
function alike(name: string, there: readonly string[]): string {
  const own = there.filter(
    (other) => !['mysql', 'sys', 'information_schema', 'performance_schema'].includes(other),
  );
  const same = own.filter((other) => other.toLowerCase() === name.toLowerCase());
  return `: it has ${listed(same.length > 0 ? same : own)}`;
}
