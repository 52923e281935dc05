/** What every store has in common that stands before another one: it passes on what it is asked. */
import type { ByteRange, ListedObject, ListOptions, ObjectState, ObjectStore, Recognizer } from './store.ts';

export type StoreOperation = 'put' | 'replace' | 'get' | 'stat' | 'list' | 'delete';

/** One question to a store; a listing is none, because it is asked step by step. */
export interface Asked<T> {
  operation: Exclude<StoreOperation, 'list'>;
  key: string;
  signal: AbortSignal | undefined;
  /** Of the body that is to be stored; 0 for what stores none. */
  bodyBytes: number;
  /** Asks the store behind, with this signal or another one. May be called again. */
  of: (store: ObjectStore, signal: AbortSignal | undefined) => Promise<T>;
}

/**
 * A store before another one. Its kind says in `ask` what it does around each question; a question that needs more than
 * that is overridden by itself.
 */
export abstract class PassingOn implements ObjectStore {
  readonly location: string;

  constructor(location: string) {
    this.location = location;
  }

  protected abstract ask<T>(asked: Asked<T>): Promise<T>;

  abstract list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;

  put(key: string, body: Uint8Array, signal?: AbortSignal, sha256?: string): Promise<void> {
    const of: Asked<void>['of'] = (store, either) => store.put(key, body, either, sha256);
    return this.ask({ operation: 'put', key, signal, bodyBytes: body.length, of });
  }

  replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    const of: Asked<void>['of'] = (store, either) => store.replace(key, body, either);
    return this.ask({ operation: 'replace', key, signal, bodyBytes: body.length, of });
  }

  get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    const of: Asked<Buffer>['of'] = (store, either) => store.get(key, range, either, into, recognizes);
    return this.ask({ operation: 'get', key, signal, bodyBytes: 0, of });
  }

  stat(key: string, signal?: AbortSignal): Promise<ObjectState> {
    const of: Asked<ObjectState>['of'] = (store, either) => store.stat(key, either);
    return this.ask({ operation: 'stat', key, signal, bodyBytes: 0, of });
  }

  delete(key: string, signal?: AbortSignal): Promise<void> {
    const of: Asked<void>['of'] = (store, either) => store.delete(key, either);
    return this.ask({ operation: 'delete', key, signal, bodyBytes: 0, of });
  }
}
