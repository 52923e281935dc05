/** What is asked of a dump that Tidemark did not make once it was tried, before it goes into the running server. */
import type { ServerSettings } from '../../config/agent.ts';
import { listed } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { ForeignDump } from '../../domain/foreign.ts';
import { type Beside, changesBeside, readBeside } from '../dump/beside.ts';
import { type Connection, connect, rowsOf } from '../server/sql.ts';

/** Messages name as many. */
const namedAtMost = 10;

/**
 * Looks at the private server before the dump is loaded into it.
 *
 * @param running the server that the dump is to go into
 * @returns what is to be called once it was loaded. It throws source_unsafe and source_no_backup
 */
export async function watchTrial(
  connection: Connection,
  { databases, unnamed }: ForeignDump,
  running: ServerSettings,
): Promise<() => Promise<void>> {
  const before = await readBeside(connection, databases);
  return async () => {
    requireUnchanged(before, await readBeside(connection, databases), databases);
    if (unnamed !== undefined) await requireAllTables(connection, unnamed, running);
  };
}

function requireUnchanged(before: Beside, after: Beside, databases: readonly string[]): void {
  const changes = changesBeside(before, after);
  if (changes.length === 0) return;
  throw new TidemarkError(
    'source_unsafe',
    `The dump is of ${listed(databases)}, and changes ${some(changes)}, too: that would be done to the running server. Make the ` +
      'dump without it (no --system, no SET GLOBAL, no statements on accounts). The server was not touched.',
  );
}

/** One that does not say whether it is of all tables takes those with it that it does not have. */
async function requireAllTables(
  connection: Connection,
  database: string,
  running: ServerSettings,
): Promise<void> {
  await using live = await connect(running);
  const has = new Set(await tablesOf(connection, database));
  const lost = (await tablesOf(live, database)).filter((name) => !has.has(name));
  if (lost.length === 0) return;
  throw new TidemarkError(
    'source_no_backup',
    `The dump does not say whether it is of all tables of ${database}, and the running server has in that database tables that ` +
      `are not in it: ${some(lost)}. They would be gone. Make the dump with --databases; or move them to another database, or ` +
      'drop them, and order the restore again. The server was not touched.',
  );
}

/** In small letters: what a server makes of names is its own. Views are not asked for, as a trial may lack some. */
async function tablesOf(connection: Connection, database: string): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    connection,
    "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW'",
    [database],
  );
  return rows.map(({ name }) => name.toLowerCase()).sort();
}

function some(names: readonly string[]): string {
  const more = names.length - namedAtMost;
  return names.slice(0, namedAtMost).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
