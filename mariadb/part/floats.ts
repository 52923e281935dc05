/**
 * FLOAT columns of a copy. As a text they lose digits: MariaDB writes six, and eight or nine are needed. As DOUBLE they are
 * written whole, and are the same FLOAT again where they are loaded. The copy is nobody's, so that it may be altered.
 */
import path from 'node:path';
import { z } from 'zod';
import { listed } from '../../domain/dump.ts';
import { readRecord, writeDurably } from '../restore/files.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { readPlainly } from './definitions.ts';
import { quoted } from './names.ts';
import type { PartDatabase } from './record.ts';

const fileOf = (folder: string): string => path.join(folder, 'part-tables.json');

const tableTexts = z.record(z.string(), z.string());

/** What tables were before they were altered, by `database.table` in quotes: the texts that SHOW CREATE TABLE had. */
export async function textsBefore(folder: string): Promise<ReadonlyMap<string, string>> {
  const file = fileOf(folder);
  const texts = await readRecord(
    file,
    tableTexts,
    `The record ${file} of a copy cannot be read: restore again.`,
  );
  return new Map(Object.entries(texts ?? {}));
}

/** @param folder of the operation @returns what could not be made so, each a sentence */
export async function widenFloats(
  copy: Connection,
  databases: readonly PartDatabase[],
  folder: string,
): Promise<string[]> {
  await rowsOf(
    copy,
    "SET SESSION foreign_key_checks=0, check_constraint_checks=0, system_versioning_alter_history='KEEP', sql_mode='', " +
      'innodb_strict_mode=OFF',
  );
  const short: string[] = [];
  const texts = new Map(await textsBefore(folder));
  for (const { from, incoming } of databases) {
    const tables = new Set(incoming.map(({ name }) => name));
    const rows = await rowsOf<{ db: string; table: string; column: string; nullable: string }>(
      copy,
      'SELECT TABLE_SCHEMA AS db, TABLE_NAME AS `table`, COLUMN_NAME AS `column`, IS_NULLABLE AS nullable ' +
        "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND COLUMN_TYPE REGEXP '^float( |$)' " +
        "AND IFNULL(GENERATION_EXPRESSION, '') = ''",
      [from],
    );
    const columns = new Map<string, string[]>();
    for (const { db, table, column, nullable } of rows) {
      if (db !== from || !tables.has(table)) continue;
      const change = `MODIFY ${quoted(column)} DOUBLE ${nullable === 'YES' ? 'NULL' : 'NOT NULL'}`;
      columns.set(table, [...(columns.get(table) ?? []), change]);
    }
    await readPlainly(copy, from);
    for (const table of columns.keys()) {
      const [row] = await rowsOf<Record<string, string>>(copy, `SHOW CREATE TABLE ${quoted(table)}`);
      // The first that was seen is what it was.
      const name = quoted(from, table);
      if (!texts.has(name)) texts.set(name, row?.['Create Table'] ?? '');
    }
    if (columns.size > 0) await writeDurably(fileOf(folder), JSON.stringify(Object.fromEntries(texts)));
    for (const [table, changes] of columns) {
      try {
        await rowsOf(copy, `ALTER TABLE ${quoted(from, table)} ${changes.join(', ')}`);
      } catch {
        short.push(`${from}.${table}`);
      }
    }
  }
  if (short.length === 0) return [];
  return [`Numbers of the type FLOAT have the six digits that MariaDB writes of them in ${listed(short)}.`];
}
