/**
 * What a store says of a failure gets into messages that are kept and shown. A server of somebody else may repeat in it
 * what it was asked with: no secret of the credentials gets through.
 */
import { TidemarkError } from '../../domain/errors.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectStore, Recognizer } from '../store.ts';

/** @param secrets texts that no error may have in it */
export function discreet(store: ObjectStore, secrets: readonly string[]): ObjectStore {
  return new DiscreetStore(store, secrets);
}

/** The same error without the secrets, and without a cause, which is not looked into. */
export function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof TidemarkError)) return error;
  let { message } = error;
  for (const secret of secrets) message = message.replaceAll(secret, '***');
  if (message === error.message) return error;
  const { retryAfterSeconds } = error;
  return new TidemarkError(error.code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

class DiscreetStore implements ObjectStore {
  readonly location: string;
  readonly #store: ObjectStore;
  readonly #secrets: readonly string[];

  constructor(store: ObjectStore, secrets: readonly string[]) {
    this.location = store.location;
    this.#store = store;
    this.#secrets = secrets;
  }

  put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#quietly(this.#store.put(key, body, signal));
  }

  replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#quietly(this.#store.replace(key, body, signal));
  }

  get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    return this.#quietly(this.#store.get(key, range, signal, into, recognizes));
  }

  stat(key: string, signal?: AbortSignal): Promise<{ bytes: number }> {
    return this.#quietly(this.#store.stat(key, signal));
  }

  delete(key: string, signal?: AbortSignal): Promise<void> {
    return this.#quietly(this.#store.delete(key, signal));
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    try {
      yield* this.#store.list(prefix, options);
    } catch (error) {
      throw withoutSecrets(error, this.#secrets);
    }
  }

  async #quietly<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      throw withoutSecrets(error, this.#secrets);
    }
  }
}
