/**
 * The text of SHOW CREATE TABLE, taken apart: each column, key and constraint is a line of its own, and no line end is in
 * one, because the server writes those of texts as `\n`. Pure.
 */
import { quoted, unquoted } from './names.ts';

export interface ForeignKey {
  name: string;
  /** Left out: of the same database. */
  referencedDatabase?: string;
  referencedTable: string;
  /** ``FOREIGN KEY (`a`)``, and what follows the name of the table it refers to. */
  columns: string;
  rest: string;
}

const name = '`(?:[^`]|``)+`';
const names = `\\(${name}(?:, ${name})*\\)`;
const foreignKeyLine = new RegExp(
  `^ {2}CONSTRAINT (${name}) (FOREIGN KEY ${names}) REFERENCES (?:(${name})\\.)?(${name}) (${names}.*?),?$`,
);

function parseForeignKey(line: string): ForeignKey | undefined {
  const [, constraint, columns, database, table, rest] = foreignKeyLine.exec(line) ?? [];
  if (constraint === undefined || columns === undefined || table === undefined || rest === undefined)
    return undefined;
  return {
    name: unquoted(constraint),
    ...(database !== undefined && { referencedDatabase: unquoted(database) }),
    referencedTable: unquoted(table),
    columns,
    rest,
  };
}

export function foreignKeysIn(text: string): ForeignKey[] {
  return text.split('\n').flatMap((line) => parseForeignKey(line) ?? []);
}

/** What ALTER TABLE adds. @param database where the table lies that it refers to */
export function foreignKeyText(key: ForeignKey, database: string, constraint = key.name): string {
  const to = quoted(key.referencedDatabase ?? database, key.referencedTable);
  return `CONSTRAINT ${quoted(constraint)} ${key.columns} REFERENCES ${to} ${key.rest}`;
}

/**
 * The same table with other foreign keys.
 *
 * @param renamed the name that a key gets; undefined: the table is made without it
 */
export function withForeignKeys(text: string, renamed: (key: ForeignKey) => string | undefined): string {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => line.startsWith(')'));
  const definitions = lines.slice(1, end).flatMap((line) => {
    const key = parseForeignKey(line);
    if (!key) return [line.replace(/,$/, '')];
    const given = renamed(key);
    if (given === undefined) return [];
    const to = key.referencedDatabase === undefined ? [] : [key.referencedDatabase];
    return [
      `  CONSTRAINT ${quoted(given)} ${key.columns} REFERENCES ${quoted(...to, key.referencedTable)} ${key.rest}`,
    ];
  });
  return [lines[0], definitions.join(',\n'), ...lines.slice(end)].join('\n');
}

const nextValue = new RegExp(`\\b(nextval|lastval)\\((${name})\\.(${name})\\)`, 'g');

/** The sequences that defaults of columns take their numbers from. */
export function sequencesIn(text: string): { database: string; name: string }[] {
  return [...text.matchAll(nextValue)].map(([, , database = '``', sequence = '``']) => ({
    database: unquoted(database),
    name: unquoted(sequence),
  }));
}

/** The same table with its numbers from the sequences of another database, where `moved` says so. */
export function withSequences(
  text: string,
  moved: (database: string, sequence: string) => string | undefined,
): string {
  return text.replace(nextValue, (whole, call: string, database: string, sequence: string) => {
    const into = moved(unquoted(database), unquoted(sequence));
    return into === undefined ? whole : `${call}(${quoted(into)}.${sequence})`;
  });
}
