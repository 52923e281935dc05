/** Ends a request that takes too long: no store is waited for for ever. */
import { TidemarkError } from '../../domain/errors.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectStore, Recognizer } from '../store.ts';

/**
 * A store each of whose requests is aborted after `timeoutMs`; of a listing, each step. It fails with
 * `storage_timeout` as soon as the store has let go, so that the memory of the request is free then.
 *
 * @param timeoutMs for a whole request, its body included
 */
export function timed(store: ObjectStore, timeoutMs: number): ObjectStore {
  return new TimedStore(store, timeoutMs);
}

class TimedStore implements ObjectStore {
  readonly location: string;
  readonly #store: ObjectStore;
  readonly #timeoutMs: number;

  constructor(store: ObjectStore, timeoutMs: number) {
    this.location = store.location;
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#within(`write ${key}`, signal, (either) => this.#store.put(key, body, either));
  }

  replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#within(`write ${key}`, signal, (either) => this.#store.replace(key, body, either));
  }

  get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    return this.#within(`read ${key}`, signal, (either) =>
      this.#store.get(key, range, either, into, recognizes),
    );
  }

  stat(key: string, signal?: AbortSignal): Promise<{ bytes: number }> {
    return this.#within(`look at ${key}`, signal, (either) => this.#store.stat(key, either));
  }

  delete(key: string, signal?: AbortSignal): Promise<void> {
    return this.#within(`delete ${key}`, signal, (either) => this.#store.delete(key, either));
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

  async #within<T>(
    doing: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const late = new AbortController();
    const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    return this.#before(late, doing, () => work(either));
  }

  /** Whatever a request fails with after it was too late, that is why. */
  async #before<T>(late: AbortController, doing: string, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      const seconds = Math.round(this.#timeoutMs / 100) / 10;
      late.abort(
        new TidemarkError('storage_timeout', `Could not ${doing} in ${this.location} within ${seconds} s.`),
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
