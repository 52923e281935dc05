/** Part of a service: which databases and tables of a backup are brought back into a running server. Pure. */
import type { RestoreMode } from './operations.ts';

/** What a request names: `db` or `db.table`; and under which name of a database it is to be there. */
export interface PartRequest {
  include: string[];
  as?: string;
}

/** What is wanted of one database: all of it, or what has these names: tables, views, sequences. */
export interface WantedDatabase {
  name: string;
  tables: 'all' | string[];
}

/** The server's own. */
const systemDatabases = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

export function isSystemDatabase(name: string): boolean {
  return systemDatabases.has(name.toLowerCase());
}

/**
 * Each database once, in the order in which they are named. A database that is named as a whole is that.
 *
 * @example wantedOf(['shop.orders', 'crm', 'shop.lines']) // [{ name: 'shop', tables: ['orders', 'lines'] }, { name: 'crm', tables: 'all' }]
 */
export function wantedOf(include: readonly string[]): WantedDatabase[] {
  const wanted = new Map<string, Set<string> | 'all'>();
  for (const entry of include) {
    const [name = '', table] = entry.split('.');
    const before = wanted.get(name);
    if (table === undefined) wanted.set(name, 'all');
    else if (before !== 'all') wanted.set(name, new Set([...(before ?? []), table]));
  }
  return [...wanted].map(([name, tables]) => ({ name, tables: tables === 'all' ? 'all' : [...tables] }));
}

/** A field of a request, and what it has to be. */
export interface PartProblem {
  field: 'include' | 'as' | 'mode';
  rule: string;
}

/** What is wrong with a request for part of a service, as far as it can be told without a backup. */
export function problemsOf({ include, as }: PartRequest, mode: RestoreMode): PartProblem[] {
  const problems: PartProblem[] = [];
  const wanted = wantedOf(include);
  const own = wanted.filter(({ name }) => isSystemDatabase(name)).map(({ name }) => name);
  if (own.length > 0) {
    const rule = `a list without ${own.join(', ')}: what is the server's own comes back with the whole server alone`;
    problems.push({ field: 'include', rule });
  }
  if (as !== undefined && wanted.length > 1) {
    const rule = `left out, because include names ${wanted.length} databases: it takes what is of one database`;
    problems.push({ field: 'as', rule });
  }
  if (as !== undefined && /\s$|[\u{10000}-\u{10ffff}]/u.test(as)) {
    const rule =
      'a name without a blank at its end and without characters beyond U+FFFF, as MariaDB takes them';
    problems.push({ field: 'as', rule });
  }
  if (as !== undefined && (isSystemDatabase(as) || wanted.some(({ name }) => name === as))) {
    problems.push({ field: 'as', rule: 'the name of a database that is not there yet' });
  }
  if (mode === 'in-place') {
    const rule = 'left out beside include: no file of the server is touched, which goes on serving';
    problems.push({ field: 'mode', rule });
  }
  return problems;
}

/** Whether a table is in what a request names. @param table as `database`.`table`, in quotes */
export function isIncluded({ include }: PartRequest, table: string): boolean {
  const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  return wantedOf(include).some(({ name, tables }) =>
    tables === 'all'
      ? table.startsWith(`${quoted(name)}.`)
      : tables.some((own) => table === `${quoted(name)}.${quoted(own)}`),
  );
}

/** What was brought back, for the message. */
export function partSentence({ include, as }: PartRequest): string {
  const shown = include.slice(0, 5).join(', ');
  const more = include.length > 5 ? ` and ${include.length - 5} more` : '';
  return as === undefined
    ? `${shown}${more} came back into the running server.`
    : `${shown}${more} came back as ${as}, beside what is there.`;
}
