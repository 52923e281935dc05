/** The running server that a part is brought back into: how it is spoken to, and what has to be true of it. */
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { PartRequest } from '../../domain/part.ts';
import { requireForReplacing } from '../dump/replace.ts';
import { connect, type Connection, rowsOf } from '../server/sql.ts';
import { ownSqlMode } from './definitions.ts';
import { databaseNames, namesOf } from './objects.ts';

/** A session for our own statements. What was kept when the backup was taken must not be refused now. */
export async function connectToLive(server: ServerSettings, lockWaitMs: number): Promise<Connection> {
  const connection = await connect(server);
  await rowsOf(connection, 'SET NAMES utf8mb4');
  await rowsOf(
    connection,
    'SET SESSION foreign_key_checks=0, unique_checks=0, check_constraint_checks=0, innodb_strict_mode=OFF, ' +
      "max_statement_time=0, wait_timeout=31536000, sql_quote_show_create=1, system_versioning_alter_history='KEEP', sql_mode=?, lock_wait_timeout=?",
    [ownSqlMode, Math.max(1, Math.ceil(lockWaitMs / 1000))],
  );
  return connection;
}

/** What a server says of a statement, in the words of the one table; anything else as it is. */
export function explained(error: unknown): unknown {
  const { errno, sqlMessage } = error as { errno?: unknown; sqlMessage?: unknown };
  if (error instanceof TidemarkError || typeof errno !== 'number' || typeof sqlMessage !== 'string')
    return error;
  const said = sqlMessage.split('\n')[0] ?? '';
  return new TidemarkError('load_failed', `The server refused a statement: ERROR ${errno}: ${said}`, {
    cause: error,
  });
}

/**
 * For where there is no way back, or nobody would come again: what a server refuses there may pass, as the locks of
 * others do, or be mended by somebody. An unreadable record is not: its message says what is to be done by hand.
 *
 * @returns an error that is tried again
 */
export function untilItWorks(error: unknown, what: string): unknown {
  const told = explained(error);
  if (told instanceof TidemarkError && (told.retryable || told.code === 'cut_over_failed')) return told;
  return new TidemarkError('put_back_failed', `${what}: ${messageOf(told)}`, { cause: error });
}

/**
 * Asked before anything is fetched, and again before anything is loaded.
 *
 * @throws database_unreachable, database_access_denied, privilege_missing; part_conflict when the server may not be written
 *   to, or has a database of the new name
 */
export async function requireForPart(server: ServerSettings, { as }: PartRequest): Promise<void> {
  await requireForReplacing(server);
  await using connection = await connect(server);
  const [row] = await rowsOf<{ readOnly: number }>(connection, 'SELECT @@GLOBAL.read_only AS readOnly');
  if (Number(row?.readOnly ?? 0) !== 0) {
    throw new TidemarkError(
      'part_conflict',
      'The server has read_only set, as a replica has: bring the part back into the server that it replicates from.',
    );
  }
  if (as === undefined) return;
  const fold = await namesOf(connection);
  const there = (await databaseNames(connection)).find((name) => fold(name) === fold(as));
  if (there === undefined) return;
  throw new TidemarkError(
    'part_conflict',
    `The server has a database ${there} already: choose another name for "as", or drop that one.`,
  );
}
