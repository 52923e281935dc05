/** Replacing databases of a running server by those of a dump, and nothing else of it. */
import type { ServerSettings } from '../../config/agent.ts';
import { listed } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import type { Extraction } from '../restore/extract.ts';
import { has, readFacts } from '../server/facts.ts';
import { readClientAccount } from '../server/options.ts';
import { type Connection, connect, rowsOf } from '../server/sql.ts';
import { startLoad } from './load.ts';
import { lowerPacket, raisePacket } from './packet.ts';

/** Without some of these a statement fails when the old data is gone already. */
const loadPrivileges = [
  'SELECT',
  'INSERT',
  'CREATE',
  'DROP',
  'ALTER',
  'INDEX',
  'REFERENCES',
  'LOCK TABLES',
  'CREATE VIEW',
  'SHOW VIEW',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'EVENT',
  'TRIGGER',
  'SET USER',
  'SUPER',
];

/**
 * Asked before anything is dropped.
 *
 * @throws privilege_missing, database_unreachable, database_access_denied
 */
export async function requireForReplacing(server: ServerSettings): Promise<void> {
  await using connection = await connect(server);
  const facts = await readFacts(connection);
  const missing = loadPrivileges.filter((privilege) => !has(facts, privilege));
  if (missing.length === 0) return;
  throw new TidemarkError(
    'privilege_missing',
    `The agent's account lacks ${missing.join(', ')}, which it takes to replace databases of a running server: ` +
      `GRANT ${missing.join(', ')} ON *.* TO it. Nothing was changed.`,
  );
}

export interface Replacing {
  server: ServerSettings;
  databases: readonly string[];
  identity: string | undefined;
  /** The stream is statements already. */
  plain?: boolean;
  attempt: Attempt;
  /** How long a drop waits for others to let go of the tables; the server's own limit is a day. Default: 60. */
  lockWaitSeconds?: number;
}

/**
 * Drops the databases and loads the dump, written to the binlog: replicas and the archive follow. From the first drop on
 * there is no way back but to load it again, which may be done after any interruption.
 *
 * @param feed hands the dump's stream over and waits until it was loaded
 * @throws what `requireForReplacing` and loading throw; what `feed` throws
 */
export async function replaceDatabases(
  replacing: Replacing,
  feed: (load: Extraction) => Promise<void>,
): Promise<void> {
  const { server, identity, plain, attempt } = replacing;
  await requireForReplacing(server);
  await using connection = await connect(server);
  await raisePacket(connection, attempt.folder);
  try {
    await dropDatabases(connection, replacing);
    const load = await startLoad({
      server,
      account: await readClientAccount(server),
      identity,
      plain,
      attempt,
    });
    try {
      await feed(load);
    } finally {
      await load.end();
    }
  } finally {
    await lowerPacket(server, attempt.folder);
  }
}

const lockWaitDefault = 60;

/** @throws load_failed when others hold a table for too long; the signal's reason, and then no drop is under way */
async function dropDatabases(
  connection: Connection,
  { server, databases, attempt: { signal }, lockWaitSeconds = lockWaitDefault }: Replacing,
): Promise<void> {
  // Tables of other databases may refer to what is dropped, and do so again afterwards.
  await rowsOf(connection, 'SET SESSION foreign_key_checks=0, lock_wait_timeout=?', [lockWaitSeconds]);
  let ended: Promise<void> | undefined;
  const stop = (): void => void (ended = endSession(connection, server));
  signal.addEventListener('abort', stop, { once: true });
  const dropped: string[] = [];
  try {
    for (const name of databases) {
      signal.throwIfAborted();
      await rowsOf(connection, `DROP DATABASE IF EXISTS \`${name.replaceAll('`', '``')}\``);
      dropped.push(name);
    }
  } catch (error) {
    await ended;
    signal.throwIfAborted();
    if ((error as { code?: unknown }).code !== 'ER_LOCK_WAIT_TIMEOUT') throw error;
    const name = databases[dropped.length] ?? '';
    throw new TidemarkError(
      'load_failed',
      `Somebody has worked on tables of ${name} for ${lockWaitSeconds} s, so that it cannot be dropped: see SHOW PROCESSLIST, ` +
        `and end what holds them. ${dropped.length === 0 ? 'Nothing was dropped.' : `Dropped already: ${listed(dropped)}.`}`,
      { cause: error },
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** A server goes on with a statement whose client is gone: it is ended there. */
async function endSession(connection: Connection, server: ServerSettings): Promise<void> {
  try {
    await using other = await connect(server);
    // Its statement ends with an error of its own then.
    await rowsOf(other, 'KILL ?', [connection.threadId]);
  } catch {
    // It has ended, or the server has.
    connection.destroy();
  }
}
