/** A store that is opened when it is needed: a process begins its other work whether its store is there or not. */
import type { Log } from '../domain/log.ts';
import { cancelledError, throwIfCancelled } from './cancel.ts';
import { type Asked, PassingOn } from './passing-on.ts';
import type { ListedObject, ListOptions, ObjectStore } from './store.ts';

export interface LazyOptions {
  /** Without secrets, as the opened store has it. */
  location: string;
  /** @throws a store's errors */
  open: () => Promise<ObjectStore>;
  /** Hears of each time it could not be opened. */
  log: Log;
  /** How long the answer of one attempt to open it stands for the next ones. Milliseconds. */
  pauseMs?: number;
}

/**
 * The store. What is asked of it before it is open waits for that; where it could not be opened, each request fails
 * with the reason, and the first one after a pause tries again.
 */
export function lazily(options: LazyOptions): ObjectStore {
  return new LazyStore(options);
}

class LazyStore extends PassingOn {
  readonly #options: LazyOptions;
  #opened: Promise<ObjectStore> | undefined;

  constructor(options: LazyOptions) {
    super(options.location);
    this.#options = options;
  }

  protected override async ask<T>({ signal, of }: Asked<T>): Promise<T> {
    return await of(await this.#store(signal), signal);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    yield* (await this.#store(options.signal)).list(prefix, options);
  }

  /** One opening serves all who wait for it; whose signal is aborted waits no longer. */
  async #store(signal: AbortSignal | undefined): Promise<ObjectStore> {
    throwIfCancelled(signal);
    const opened = (this.#opened ??= this.#open());
    if (!signal) return opened;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(cancelledError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([opened, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #open(): Promise<ObjectStore> {
    const { location, open, log, pauseMs = 5_000 } = this.#options;
    try {
      return await open();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error({ storage: location, reason }, 'The object store could not be opened; trying again.');
      setTimeout(() => (this.#opened = undefined), pauseMs).unref();
      throw error;
    }
  }
}
