/** Whether all of a copy is there: every table is checked, its rows are counted, and its checksum is taken. */
import { createHash } from 'node:crypto';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { isWithoutData, listTables, quote, reasonOf, type TableRow } from '../restore/tables.ts';
import { type Connection, rowsOf } from '../server/sql.ts';

/** How many tables are named in one sentence. */
const namedAtMost = 5;

/** The server's own: checked like the others, but what is in them is not what was backed up, to the byte. */
const ownDatabases = ['mysql', 'sys'];

export interface CheckedTables {
  /** Of users. */
  tables: number;
  rows: number;
  /** SHA-256 over name, row count and checksum of each, in hex digits. */
  digest: string;
  /** What a person should know, each a sentence. */
  warnings: string[];
}

interface Line {
  Msg_type: string;
  Msg_text: string;
}

/** What was found so far. */
interface Findings {
  broken: string[];
  without: string[];
  unchecked: string[];
  sums: string[];
  rows: number;
}

/**
 * @param directory the copy
 * @param onProgress is told which share of the tables is done, from 0 to 1
 * @throws proof_failed naming the tables that are damaged; the signal's reason when it was aborted
 */
export async function checkEveryTable(
  connection: Connection,
  directory: string,
  attempt: Pick<Attempt, 'signal'>,
  onProgress: (share: number) => void = () => undefined,
): Promise<CheckedTables> {
  // The user's own file may have a limit for what clients ask.
  await rowsOf(connection, 'SET SESSION max_statement_time = 0');
  const tables = (await listTables(connection)).toSorted((a, b) => compare(nameOf(a), nameOf(b)));
  const found: Findings = { broken: [], without: [], unchecked: [], sums: [], rows: 0 };
  for (const [index, row] of tables.entries()) {
    attempt.signal.throwIfAborted();
    await checkTable(connection, directory, row, found);
    onProgress((index + 1) / tables.length);
  }
  if (found.broken.length > 0) throw damaged(found.broken);
  const { sums, rows } = found;
  const digest = createHash('sha256').update(sums.join('\n')).digest('hex');
  return { tables: sums.length, rows, digest, warnings: warningsOf(found) };
}

async function checkTable(
  connection: Connection,
  directory: string,
  row: TableRow,
  found: Findings,
): Promise<void> {
  const name = nameOf(row);
  // One that reaches elsewhere would be asked for there.
  if (!row.local) {
    if (!ownDatabases.includes(row.db)) found.unchecked.push(name);
    return;
  }
  const table = `${quote(row.db)}.${quote(row.name)}`;
  try {
    await rowsOf(connection, `SELECT 1 FROM ${table} LIMIT 1`);
  } catch (error) {
    refuseWhenGone(name, error);
    const known = row.db === 'mysql' || !(await isWithoutData(connection, directory, row, error));
    (known ? found.broken : found.without).push(`${name} (${reasonOf(error)})`);
    return;
  }
  try {
    const lines = await rowsOf<Line>(connection, `CHECK TABLE ${table}`);
    if (lines.some(isFault)) {
      const said = lines.filter((line) => isFault(line) || /^warning$/i.test(line.Msg_type));
      found.broken.push(
        `${name} (${said
          .map(({ Msg_text: text }) => text)
          .join('; ')
          .slice(0, 300)})`,
      );
      return;
    }
    if (ownDatabases.includes(row.db)) return;
    const [counted] = await rowsOf<{ count: number | bigint | string }>(
      connection,
      `SELECT COUNT(*) AS count FROM ${table}`,
    );
    const [sum] = await rowsOf<{ Checksum: number | bigint | null }>(
      connection,
      `CHECKSUM TABLE ${table} EXTENDED`,
    );
    const count = Number(counted?.count ?? 0);
    found.rows += count;
    found.sums.push(`${name} ${count} ${String(sum?.Checksum ?? '-')}`);
  } catch (error) {
    refuseWhenGone(name, error);
    found.broken.push(`${name} (${reasonOf(error)})`);
  }
}

/**
 * Engines that cannot check a table say so in a note, one of an older server asks to be rebuilt, and a table that was open
 * when it was copied is warned of.
 */
function isFault({ Msg_type: type, Msg_text: text }: Line): boolean {
  if (/^error$/i.test(type)) return !/upgrade required|rebuild required/i.test(text);
  return /^status$/i.test(type) && /corrupt|failed/i.test(text);
}

/** A server that ends at a table is what a damaged table can do. */
function refuseWhenGone(name: string, error: unknown): void {
  const gone =
    (error instanceof TidemarkError && error.code === 'database_unreachable') ||
    (error as { fatal?: unknown }).fatal === true;
  if (!gone) return;
  throw new TidemarkError(
    'proof_failed',
    `The private server on the copy ended when it checked the table ${name}: ${messageOf(error)}`,
    { cause: error },
  );
}

function damaged(broken: readonly string[]): TidemarkError {
  const more = broken.length > namedAtMost ? `, and ${broken.length - namedAtMost} more` : '';
  return new TidemarkError(
    'proof_failed',
    `In the copy that was brought back these tables are damaged: ${broken.slice(0, namedAtMost).join(', ')}${more}.`,
  );
}

function warningsOf({ without, unchecked }: Findings): string[] {
  return [
    ...named(without, 'These tables have no data in the backup, or the prover has no engine for them'),
    ...named(unchecked, 'These tables keep no rows in the data directory and were not checked'),
  ];
}

function named(tables: readonly string[], what: string): string[] {
  if (tables.length === 0) return [];
  const more = tables.length > namedAtMost ? `, and ${tables.length - namedAtMost} more` : '';
  return [`${what}: ${tables.slice(0, namedAtMost).join(', ')}${more}.`];
}

function nameOf({ db, name }: TableRow): string {
  return `${db}.${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
