/** A client of Google's and its tokens: it asks for one once for all who need it, and is waited for no longer than that. */
import { TidemarkError } from '../../domain/errors.ts';
import type { GcsClient } from './client.ts';

export class GcsAccess {
  readonly #make: () => GcsClient;
  readonly #timeoutMs: number;
  #client: GcsClient;
  #asked: Promise<void> | undefined;

  /** @param timeoutMs how long the service that hands out tokens is waited for */
  constructor(make: () => GcsClient, timeoutMs: number) {
    this.#make = make;
    this.#timeoutMs = timeoutMs;
    this.#client = make();
  }

  /** The one in use; another one after it had to be given up. */
  get client(): GcsClient {
    return this.#client;
  }

  /**
   * Resolves once the client has a token that is valid; at once when it has one.
   *
   * @throws storage_timeout when the service falls silent; whatever the client fails with
   */
  async token(): Promise<void> {
    const asked = (this.#asked ??= this.#ask().finally(() => (this.#asked = undefined)));
    await asked;
  }

  async #ask(): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      // Whoever asks it later would wait for the same answer, and that may never come.
      this.#client = this.#make();
      const seconds = Math.round(this.#timeoutMs / 100) / 10;
      reject(
        new TidemarkError('storage_timeout', `the service for tokens did not answer within ${seconds} s`),
      );
    }, this.#timeoutMs).unref();
    try {
      await Promise.race([this.#client.storage.authClient.getAccessToken(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
