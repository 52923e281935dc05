/** Connections to the server, with its errors in the words of the one table. */
import { createConnection, type Connection } from 'mariadb';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError, type ErrorName } from '../../domain/errors.ts';
import { readClientAccount } from './options.ts';

export type { Connection } from 'mariadb';

/** What to use instead of the settings' own account; a private server has its own socket. */
export interface ConnectOverrides {
  socket?: string;
  user?: string;
  password?: string;
  database?: string;
}

const connectTimeoutMs = 10_000;

/**
 * Opens a connection, over the socket unless the account names another host. BIGINT and DECIMAL come as numbers
 * where these are exact and as strings beyond, times as strings.
 * @throws database_unreachable, database_access_denied
 */
export async function connect(
  server: Pick<ServerSettings, 'programs' | 'defaults_file' | 'client_file'>,
  overrides: ConnectOverrides = {},
): Promise<Connection> {
  const account = await readClientAccount(server);
  const socket = overrides.socket ?? (account.host === '' ? account.socket : '');
  const place = socket === '' ? { host: account.host, port: account.port } : { socketPath: socket };
  const where = socket === '' ? `${account.host}:${account.port}` : `the socket ${socket}`;
  let connection: Connection;
  try {
    connection = await createConnection({
      ...place,
      user: overrides.user ?? account.user,
      password: overrides.password ?? account.password,
      ...(overrides.database === undefined ? {} : { database: overrides.database }),
      connectTimeout: connectTimeoutMs,
      supportBigNumbers: true,
      insertIdAsNumber: true,
      dateStrings: true,
    });
  } catch (error) {
    throw databaseError(error, where);
  }
  // A server that dies says so here; without a listener that would end the whole process. The next query fails.
  connection.on('error', () => undefined);
  return connection;
}

/**
 * Runs one statement and gives back its rows.
 * @throws the errors of `connect`, privilege_missing; other errors of the server as they are
 */
export async function rowsOf<Row>(connection: Connection, sql: string, values?: unknown[]): Promise<Row[]> {
  let result: unknown;
  try {
    result = await connection.query<unknown>(sql, values);
  } catch (error) {
    throw databaseError(error, 'the server');
  }
  return Array.isArray(result) ? (result as Row[]) : [];
}

/** The connector's error names, and the server's, that have a meaning in the table of errors. */
const meanings: Record<string, ErrorName> = {
  ECONNREFUSED: 'database_unreachable',
  ECONNRESET: 'database_unreachable',
  ENOENT: 'database_unreachable',
  EACCES: 'database_unreachable',
  EPIPE: 'database_unreachable',
  ETIMEDOUT: 'database_unreachable',
  EHOSTUNREACH: 'database_unreachable',
  ENOTFOUND: 'database_unreachable',
  ER_CONNECTION_TIMEOUT: 'database_unreachable',
  ER_SOCKET_UNEXPECTED_CLOSE: 'database_unreachable',
  ER_SOCKET_TIMEOUT: 'database_unreachable',
  ER_CMD_CONNECTION_CLOSED: 'database_unreachable',
  ER_CONNECTION_ALREADY_CLOSED: 'database_unreachable',
  ER_CON_COUNT_ERROR: 'database_unreachable',
  ER_SERVER_SHUTDOWN: 'database_unreachable',
  ER_CONNECTION_KILLED: 'database_unreachable',
  ER_ACCESS_DENIED_ERROR: 'database_access_denied',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'database_access_denied',
  ER_HOST_NOT_PRIVILEGED: 'database_access_denied',
  ER_HOST_IS_BLOCKED: 'database_access_denied',
  ER_ACCOUNT_HAS_BEEN_LOCKED: 'database_access_denied',
  ER_MUST_CHANGE_PASSWORD: 'database_access_denied',
  ER_MUST_CHANGE_PASSWORD_LOGIN: 'database_access_denied',
  ER_NOT_SUPPORTED_AUTH_MODE: 'database_access_denied',
  ER_SPECIFIC_ACCESS_DENIED_ERROR: 'privilege_missing',
  ER_DBACCESS_DENIED_ERROR: 'privilege_missing',
  ER_TABLEACCESS_DENIED_ERROR: 'privilege_missing',
  ER_COLUMNACCESS_DENIED_ERROR: 'privilege_missing',
  ER_PROCACCESS_DENIED_ERROR: 'privilege_missing',
};

/** The connector appends its own notes and the statement: the first line, without its prefix, is what was said. */
function saidBy(error: unknown): string {
  const text = (error as { sqlMessage?: unknown }).sqlMessage;
  const message = typeof text === 'string' && text !== '' ? text : messageOf(error);
  return (message.split('\n')[0] ?? '').replace(/^\(conn[^)]*\)\s*/, '');
}

function databaseError(error: unknown, where: string): unknown {
  const code = (error as { code?: unknown }).code;
  const name = typeof code === 'string' ? meanings[code] : undefined;
  const said = saidBy(error);
  switch (name) {
    case 'database_unreachable':
      return new TidemarkError(
        name,
        `The database server does not accept connections at ${where}: ${said}. Start it, or mend its address.`,
        { cause: error },
      );
    case 'database_access_denied':
      return new TidemarkError(
        name,
        `The database server refuses the agent's account at ${where}: ${said}. ` +
          'Mend user and password in the option file that server.client_file names.',
        { cause: error },
      );
    case 'privilege_missing':
      return new TidemarkError(name, `The agent's account lacks a privilege: ${said}. Grant it.`, {
        cause: error,
      });
    default:
      return error;
  }
}
