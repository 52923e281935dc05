/** Keeps the number of requests that are under way at a store below a limit. */
import { cancelledError, throwIfCancelled } from '../cancel.ts';
import { type Asked, PassingOn } from '../passing-on.ts';
import type { ListedObject, ListOptions, ObjectStore } from '../store.ts';

/** A store that has at most `most` requests under way; further ones wait in the order in which they came. */
export function parallel(store: ObjectStore, most: number): ObjectStore {
  return new ParallelStore(store, most);
}

class ParallelStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(store: ObjectStore, most: number) {
    super(store.location);
    this.#store = store;
    this.#free = most;
  }

  protected override ask<T>({ signal, of }: Asked<T>): Promise<T> {
    return this.#inTurn(signal, () => of(this.#store, signal));
  }

  /** Each step takes a turn of its own: whoever reads a listing may ask for its objects meanwhile. */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    const found = this.#store.list(prefix, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#inTurn(options.signal, () => found.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await found.return?.();
    }
  }

  async #inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    await this.#turn(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }

  /** @throws operation_cancelled */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    throwIfCancelled(signal);
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = (): void => {
      const place = this.#waiting.indexOf(resolve);
      if (place < 0 || !signal) return;
      this.#waiting.splice(place, 1);
      reject(cancelledError(signal));
    };
    this.#waiting.push(resolve);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }
}
