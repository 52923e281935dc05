/** Tells somebody of every request to a store: what was asked, what came of it, how long it took. */
import { performance } from 'node:perf_hooks';
import { TidemarkError } from '../../domain/errors.ts';
import { type Asked, PassingOn, type StoreOperation } from '../passing-on.ts';
import type { ListedObject, ListOptions, ObjectStore } from '../store.ts';

/** One request and its end. */
export interface StoreRequest {
  operation: StoreOperation;
  /** Of a listing, its prefix. */
  key: string;
  /** How long the store took; of a listing, without the time of its reader. */
  seconds: number;
  /** Stored or read; 0 for what moves none, and for what failed. */
  bytes: number;
  /** What it failed with; a thrown value of no known kind comes as `internal`. */
  error?: TidemarkError;
}

/** A store that tells `seen` of each request at its end. `seen` must not throw. */
export function observed(store: ObjectStore, seen: (request: StoreRequest) => void): ObjectStore {
  return new ObservedStore(store, seen);
}

class ObservedStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #seen: (request: StoreRequest) => void;

  constructor(store: ObjectStore, seen: (request: StoreRequest) => void) {
    super(store.location);
    this.#store = store;
    this.#seen = seen;
  }

  protected override async ask<T>({ operation, key, signal, bodyBytes, of }: Asked<T>): Promise<T> {
    const began = performance.now();
    try {
      const result = await of(this.#store, signal);
      const bytes = Buffer.isBuffer(result) ? result.length : bodyBytes;
      this.#tell(operation, key, performance.now() - began, bytes, undefined);
      return result;
    } catch (error) {
      this.#tell(operation, key, performance.now() - began, 0, error);
      throw error;
    }
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    const found = this.#store.list(prefix, options)[Symbol.asyncIterator]();
    let ms = 0;
    let error: unknown;
    try {
      for (;;) {
        const began = performance.now();
        const next = await found.next().finally(() => (ms += performance.now() - began));
        if (next.done === true) return;
        yield next.value;
      }
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      this.#tell('list', prefix, ms, 0, error);
      await found.return?.();
    }
  }

  #tell(operation: StoreOperation, key: string, ms: number, bytes: number, thrown: unknown): void {
    const request: StoreRequest = { operation, key, seconds: ms / 1000, bytes };
    if (thrown === undefined) this.#seen(request);
    else this.#seen({ ...request, error: asKnown(thrown) });
  }
}

function asKnown(thrown: unknown): TidemarkError {
  if (thrown instanceof TidemarkError) return thrown;
  return new TidemarkError('internal', 'A store failed with an error that nobody foresaw.', {
    cause: thrown,
  });
}
