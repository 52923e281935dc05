/** Tables of the running server that are not brought back and refer to ones that are. */
import { type Connection, rowsOf } from '../server/sql.ts';
import { quoted } from './names.ts';
import type { PartDatabase } from './record.ts';
import { foreignKeysIn, foreignKeyText } from './table-text.ts';

interface Reference {
  database: string;
  table: string;
  toDatabase: string;
  toTable: string;
}

/** InnoDB keeps the names as its files have them. */
const decoded = (column: string, at: number): string =>
  `CONVERT(CONVERT(CAST(SUBSTRING_INDEX(${column}, '/', ${at}) AS BINARY) USING filename) USING utf8mb4)`;

/**
 * The keys by which they do, for each database that they refer into: a table that changes its name takes along what
 * refers to it, so that they have to be made again.
 */
export async function childrenOf(
  live: Connection,
  databases: readonly PartDatabase[],
  fold: (name: string) => string,
): Promise<{ into: PartDatabase; keys: PartDatabase['children'] }[]> {
  const replaced = new Map<string, PartDatabase>();
  for (const database of databases) {
    for (const { name, kind } of database.replaced) {
      if (kind === 'table') replaced.set(keyOf(fold, database.into, name), database);
    }
  }
  if (replaced.size === 0) return [];
  const references = await rowsOf<Reference>(
    live,
    `SELECT ${decoded('FOR_NAME', 1)} AS \`database\`, ${decoded('FOR_NAME', -1)} AS \`table\`, ` +
      `${decoded('REF_NAME', 1)} AS toDatabase, ${decoded('REF_NAME', -1)} AS toTable FROM information_schema.INNODB_SYS_FOREIGN`,
  );
  const children = new Map<string, Reference>();
  for (const reference of references) {
    const own = keyOf(fold, reference.database, reference.table);
    const to = keyOf(fold, reference.toDatabase, reference.toTable);
    if (replaced.has(to) && !replaced.has(own)) children.set(own, reference);
  }
  const found: { into: PartDatabase; keys: PartDatabase['children'] }[] = [];
  for (const { database, table } of children.values()) {
    await rowsOf(live, `USE ${quoted(database)}`);
    const [row] = await rowsOf<Record<string, string>>(live, `SHOW CREATE TABLE ${quoted(table)}`);
    for (const key of foreignKeysIn(row?.['Create Table'] ?? '')) {
      const into = replaced.get(keyOf(fold, key.referencedDatabase ?? database, key.referencedTable));
      if (!into) continue;
      const text = foreignKeyText(key, database);
      found.push({ into, keys: [{ database, table, name: key.name, text }] });
    }
  }
  return found;
}

function keyOf(fold: (name: string) => string, database: string, table: string): string {
  return `${fold(database)}\0${fold(table)}`;
}
