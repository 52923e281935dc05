/** Ends a request that takes too long: no store is waited for for ever. */
import { TidemarkError } from '../../domain/errors.ts';
import { type Asked, PassingOn } from '../passing-on.ts';
import type { ListedObject, ListOptions, ObjectStore } from '../store.ts';

/**
 * A store each of whose requests is aborted after `timeoutMs`; of a listing, each step. It fails with
 * `storage_timeout` as soon as the store has let go, so that the memory of the request is free then.
 *
 * @param timeoutMs for a whole request, its body included
 */
export function timed(store: ObjectStore, timeoutMs: number): ObjectStore {
  return new TimedStore(store, timeoutMs);
}

/** What could not be done, for the sentence. */
const doing = { put: 'write', replace: 'write', get: 'read', stat: 'look at', delete: 'delete' };

class TimedStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #timeoutMs: number;

  constructor(store: ObjectStore, timeoutMs: number) {
    super(store.location);
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  protected override ask<T>({ operation, key, signal, of }: Asked<T>): Promise<T> {
    const late = new AbortController();
    const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    return this.#before(late, `${doing[operation]} ${key}`, () => of(this.#store, either));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    const late = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal;
    const found = this.#store.list(prefix, { ...options, signal })[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#before(late, `list ${prefix || 'the objects'}`, () => found.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await found.return?.();
    }
  }

  /** Whatever a request fails with after it was too late, that is why. */
  async #before<T>(late: AbortController, what: string, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      const seconds = Math.round(this.#timeoutMs / 100) / 10;
      late.abort(
        new TidemarkError('storage_timeout', `Could not ${what} in ${this.location} within ${seconds} s.`),
      );
    }, this.#timeoutMs);
    try {
      return await work();
    } catch (error) {
      throw late.signal.aborted ? late.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }
}
