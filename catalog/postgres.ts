/** The catalog in PostgreSQL, through a pool of connections that may drop at any time. */
import { isNativeError } from 'node:util/types';
import pg from 'pg';
import { PostgresDialect, sql } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { type Backend, nulRefused, serviceMissing, unavailable } from './database.ts';

const connections = 10;
/** How long a query waits for a connection, new or free. Milliseconds. */
const connectMs = 10_000;
/** After this the answer to a query is given up on: a server behind a broken network never refuses. Milliseconds. */
const answerMs = 60_000;
/** A connection whose answer was given up on goes back to the pool; this is the longest that it can do harm. */
const lifetimeSeconds = 300;

/** The type of count(*) and of sizes. All are far below 2^53. */
const bigintType = 20;

/** SQLSTATE codes, from PostgreSQL's documentation. */
const states = {
  foreignKeyViolation: '23503',
  nulCharacter: '22021',
};
/** Classes and codes that say: not now, or not as the server is set up. Never a defect of a query. */
const serverTrouble = /^(08|28|53|57P|58|XX)|^(25006|3D000|40001|40P01|42501|42P01|55P03|57014|F0000|F0001)$/;

/** What `pg`, its pool and Kysely say, without a code, when a connection is gone or was never there. */
const connectionTrouble =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client (has encountered a connection error|was closed)|Query read timeout|Cannot use a pool after calling end|The server does not support SSL|Postgres connection has been discarded|driver has already been destroyed|SASL)/;

/**
 * @param location `postgres://user@host:port/database`, with any parameter that `pg` knows (`?sslmode=…`)
 * @param password beats one inside the location
 * @throws invalid_setting when the location cannot be read
 */
export function postgresBackend(location: string, password?: string): Backend {
  const { connectionString, shown, secrets } = readLocation(location, password);
  return {
    dialect: new PostgresDialect({ pool: async () => openPool(connectionString) }),
    location: shown,
    explain(error) {
      if (error instanceof pg.DatabaseError) {
        if (error.code === states.foreignKeyViolation) return serviceMissing();
        if (error.code === states.nulCharacter) return nulRefused();
        return serverTrouble.test(error.code ?? '') ? hide(unavailable(shown, error), secrets) : undefined;
      }
      return isConnectionTrouble(error) ? hide(unavailable(shown, error), secrets) : undefined;
    },
    async lockService(transaction, serviceId) {
      await sql`select pg_advisory_xact_lock(hashtextextended(${serviceId}, 0))`.execute(transaction);
    },
  };
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: connections,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
    maxLifetimeSeconds: lifetimeSeconds,
    keepAlive: true,
    application_name: 'tidemark',
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        type === bigintType ? Number : (pg.types.getTypeParser(type, format) as unknown),
    },
  });
  // Without listeners a dropped connection would end the process. The pool throws the connection away by itself,
  // and the query that was on it, or the next one, says what happened.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

function readLocation(
  location: string,
  password: string | undefined,
): { connectionString: string; shown: string; secrets: string[] } {
  let url: URL;
  try {
    url = new URL(location);
  } catch {
    // The text may hold a password, so it is not repeated.
    throw new TidemarkError(
      'invalid_setting',
      'The location of the catalog cannot be read. Write postgres://user@host:port/database.',
    );
  }
  const inside = [url.password, decodeURIComponent(url.password), url.searchParams.get('password') ?? ''];
  const secrets = [...inside, password ?? ''].filter((secret) => secret !== '');
  const shown = `postgres://${url.username === '' ? '' : `${url.username}@`}${url.host}${url.pathname}`;
  // As a parameter it is taken whatever the form of the location, also for one without a host.
  if (password !== undefined) url.searchParams.set('password', password);
  return { connectionString: url.href, shown, secrets };
}

function isConnectionTrouble(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  if ('code' in error && typeof error.code === 'string' && 'syscall' in error) return true;
  // An address with two families fails with an error for each.
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.some(isConnectionTrouble);
  return connectionTrouble.test(error.message);
}

/** A server's message may quote what it was sent. */
function hide(error: TidemarkError, secrets: string[]): TidemarkError {
  const clean = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), error.message);
  return clean === error.message ? error : new TidemarkError(error.code, clean);
}
