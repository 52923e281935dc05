/**
 * The way to the database, the same for SQLite and PostgreSQL: every query of the catalog is inside a `read` or
 * a `write`. Here a driver's error becomes the error that the rest of the house knows.
 */
import { isNativeError } from 'node:util/types';
import type { Dialect, Kysely, Transaction } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import type { Tables } from './schema.ts';

/** What differs between the two databases. */
export interface Backend {
  dialect: Dialect;
  /** Where it is, for messages: without a password. */
  location: string;
  /** What an error of the driver is to the rest of the house; undefined when it is a defect of ours. */
  explain(error: unknown): TidemarkError | undefined;
  /**
   * Makes the transactions that work on one service's places come one after the other, until this one ends.
   * Without it two of them could each see no holder and both go on.
   */
  lockService(transaction: Transaction<Tables>, serviceId: string): Promise<void>;
}

export class Database {
  readonly #kysely: Kysely<Tables>;
  readonly #backend: Backend;

  constructor(kysely: Kysely<Tables>, backend: Backend) {
    this.#kysely = kysely;
    this.#backend = backend;
  }

  /** Runs queries that change nothing. @throws catalog_unavailable */
  async read<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    try {
      return await work(this.#kysely);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** As {@link read}; what several queries see is of one moment, whatever is written meanwhile. */
  async snapshot<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    const transaction = this.#kysely
      .transaction()
      .setAccessMode('read only')
      .setIsolationLevel('repeatable read');
    return await this.read(async () => await transaction.execute(work));
  }

  /** One transaction: all of it or nothing. @throws catalog_unavailable */
  async write<T>(work: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    try {
      return await this.#kysely.transaction().execute(work);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** As {@link write}, alone among those that work on the places or the backups of this service, or these. */
  async writeAlone<T>(
    serviceIds: string | readonly string[],
    work: (transaction: Transaction<Tables>) => Promise<T>,
  ): Promise<T> {
    const ids = new Set(typeof serviceIds === 'string' ? [serviceIds] : serviceIds);
    return await this.write(async (transaction) => {
      // In one order everywhere, so that two of them never wait for each other.
      for (const id of [...ids].toSorted()) await this.#backend.lockService(transaction, id);
      return await work(transaction);
    });
  }

  async close(): Promise<void> {
    await this.#kysely.destroy();
  }

  #explain(error: unknown): unknown {
    return error instanceof TidemarkError ? error : (this.#backend.explain(error) ?? error);
  }
}

/** The error for a database that does not answer. Trying again may help. */
export function unavailable(location: string, cause: unknown): TidemarkError {
  return new TidemarkError('catalog_unavailable', `The catalog at ${location} fails: ${saying(cause)}.`, {
    cause,
  });
}

/** The error for a text that neither database is asked to keep: PostgreSQL has no way to. */
export function nulRefused(): TidemarkError {
  return new TidemarkError(
    'invalid_request',
    'A text with a NUL character (\\u0000) cannot be stored or searched for in the catalog. Leave the character out.',
  );
}

/** The error for a record of a service that is not there. */
export function serviceMissing(): TidemarkError {
  return new TidemarkError(
    'service_not_found',
    'The catalog has no such service to attach the record to. Let its agent announce it first.',
  );
}

/** What an error says, without the full stop. An address with two families fails with an error for each. */
function saying(error: unknown): string {
  if (!isNativeError(error)) return String(error);
  const said =
    'errors' in error && Array.isArray(error.errors) ? error.errors.map(saying).join('; ') : error.message;
  return said.replace(/\.$/, '');
}
