/**
 * The catalog in one SQLite file, through Node's own SQLite. Several processes share the file.
 *
 * Every transaction that may write is BEGIN IMMEDIATE: one that began by reading and wants to write later would fail as
 * soon as another process had written in between, and no waiting would help it. One that only reads keeps no writer
 * waiting.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { type Backend, nulRefused, serviceMissing, unavailable } from './database.ts';

/** How long SQLite itself waits for another process: the event loop stands still meanwhile. */
const blockingWaitMs = 50;
/** How long a writer goes on waiting without blocking anybody. Milliseconds. */
const patienceMs = 20_000;

/** Primary result codes of SQLite, from its documentation. */
const codes = { error: 1, busy: 5, locked: 6, constraint: 19, mismatch: 20, misuse: 21, range: 25 };
/** These say that a query of ours is wrong; all others that the file cannot be used now. */
const defects = new Set([codes.error, codes.constraint, codes.mismatch, codes.misuse, codes.range]);
/** An extended result code. */
const foreignKeyConstraint = 787;

/** @param path of the file, absolute. It and its folder are made when they are missing. */
export function sqliteBackend(path: string): Backend {
  const location = `sqlite://${path}`;
  return {
    dialect: sqliteDialect(path),
    location,
    explain(error) {
      const code = resultCode(error);
      if (code === foreignKeyConstraint) return serviceMissing();
      const trouble = code === undefined ? isFileTrouble(error) : !defects.has(code & 0xff);
      return trouble || isWithoutTables(error) ? unavailable(location, error) : undefined;
    },
    async lockService() {
      // The transaction has the only write lock that there is already.
    },
  };
}

function sqliteDialect(path: string): Dialect {
  return {
    createDriver: () => new SharedFileDriver(path),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SharedFileAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

/** SQLite changes its schema inside a transaction. Saying so makes a migration safe against another process's. */
class SharedFileAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Makes the file, if it is missing, for its owner alone; SQLite gives its other files the same mode. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch {
    // Opening it says so.
  }
}

/** One connection; Kysely lets one query or transaction at a time have it. */
class SharedFileDriver implements Driver {
  readonly #path: string;
  #database: DatabaseSync | undefined;
  #connection: SharedFileConnection | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    makePrivate(this.#path);
    const database = new DatabaseSync(this.#path, {
      timeout: blockingWaitMs,
      enableForeignKeyConstraints: true,
    });
    try {
      // Turning WAL on needs the file alone for a moment, and does not heed the timeout.
      await patiently(() => database.exec('PRAGMA journal_mode = WAL'));
      // In WAL the default may lose the last transactions in a power cut.
      await patiently(() => database.exec('PRAGMA synchronous = FULL'));
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
    this.#connection = new SharedFileConnection(database);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.#connection) throw new Error('the SQLite file is not open');
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    if (settings.accessMode === 'read only') await patiently(() => this.#beginReading());
    else await connection.executeQuery(CompiledQuery.raw('BEGIN IMMEDIATE'));
  }

  /** The first look is what fixes the moment, and what may have to wait; nothing after it has to. */
  #beginReading(): void {
    this.#database?.exec('BEGIN DEFERRED');
    try {
      this.#database?.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get();
    } catch (error) {
      this.#database?.exec('ROLLBACK');
      throw error;
    }
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'));
    // Nothing in here waits for anything outside: without this, many transactions in a row are one long standstill.
    await nextTurn();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // SQLite has rolled back by itself after a full disk or an input/output error; a second time is an error.
    if (this.#database?.isTransaction) await connection.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async releaseConnection(): Promise<void> {
    // There is only the one.
  }

  async destroy(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
    this.#connection = undefined;
  }
}

class SharedFileConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters.map(bindable);
    const run = (): QueryResult<R> => {
      const statement = this.#database.prepare(query.sql);
      if (statement.columns().length > 0) return { rows: statement.all(...parameters) as R[] };
      const { changes } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes) };
    };
    // A transaction has its lock or its moment, so nothing in it has to wait; and it must not let go of the event loop.
    return this.#database.isTransaction ? run() : await patiently(run);
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the catalog streams nothing');
    yield { rows: [] };
  }
}

/** Tries until no other process is in the way. The pauses differ, so that two processes do not keep step. */
async function patiently<T>(work: () => T): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      const code = (resultCode(error) ?? 0) & 0xff;
      if ((code !== codes.busy && code !== codes.locked) || Date.now() > end) throw error;
      await sleep(1 + Math.random() * 10);
    }
  }
}

function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'string') {
    // SQLite would keep it and later cut the text off there in some functions; PostgreSQL refuses it.
    if (value.includes('\0')) throw nulRefused();
    return value;
  }
  if (value === null || typeof value === 'number' || typeof value === 'bigint') return value;
  throw new TypeError(`a ${typeof value} cannot be a value of a column`);
}

/** SQLite's extended result code. */
function resultCode(error: unknown): number | undefined {
  if (!isNativeError(error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** What the folder could not be made for (EACCES, ENOSPC, …), or a call after `close`. */
function isFileTrouble(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  return 'syscall' in error || error.message === 'driver has already been destroyed';
}

/** Before the first migration; whoever asks may ask again after it. */
function isWithoutTables(error: unknown): boolean {
  return isNativeError(error) && error.message.startsWith('no such table');
}
