/**
 * Tries again what passes by itself: with pauses that double and jitter, so that many who were turned away together do
 * not come back together, no sooner than the store asked for, and within a deadline.
 */
import { performance } from 'node:perf_hooks';
import { TidemarkError } from '../../domain/errors.ts';
import { damagedAtRest } from '../network/wrong-digest.ts';
import { type Asked, PassingOn } from '../passing-on.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectStore, Recognizer } from '../store.ts';
import { isPassing } from '../store.ts';
import type { WaitsHeard } from '../waits.ts';
import { pause } from './signals.ts';

export interface RetryOptions {
  /** No attempt begins later than this after a call began, or after a listing got on. Milliseconds. */
  deadlineMs: number;
  /** The first pause; each further one is twice as long. Milliseconds. */
  firstPauseMs?: number;
  longestPauseMs?: number;
  /** Hears what is waited for. */
  waits?: WaitsHeard | undefined;
}

const defaults = { firstPauseMs: 200, longestPauseMs: 20_000 };

/** With the defaults in it. */
type Settled = Required<Omit<RetryOptions, 'waits'>> & Pick<RetryOptions, 'waits'>;

/**
 * A store whose methods try again after errors that pass. The last error is thrown when the deadline comes before the
 * next attempt could begin.
 *
 * A put whose answer was lost may have been done. So a key that is found taken at a later attempt counts as put when
 * the object there has the very bytes of the body. A get of which two attempts in a row bring the same wrong bytes ends
 * with object_damaged: that was not the way.
 */
export function retrying(store: ObjectStore, options: RetryOptions): ObjectStore {
  return new RetryingStore(store, { ...defaults, ...options });
}

class RetryingStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #options: Settled;

  constructor(store: ObjectStore, options: Settled) {
    super(store.location);
    this.#store = store;
    this.#options = options;
  }

  protected override ask<T>({ signal, of }: Asked<T>): Promise<T> {
    return this.#again(signal, () => of(this.#store, signal));
  }

  override async put(key: string, body: Uint8Array, signal?: AbortSignal, sha256?: string): Promise<void> {
    let lost = false;
    await this.#again(signal, async () => {
      try {
        await this.#store.put(key, body, signal, sha256);
      } catch (error) {
        const taken = error instanceof TidemarkError && error.code === 'object_exists';
        if (taken && lost && (await this.#isThere(key, body, signal))) return;
        lost ||= isPassing(error);
        throw error;
      }
    });
  }

  override async get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    let before: unknown;
    return this.#again(signal, async () => {
      try {
        return await this.#store.get(key, range, signal, into, recognizes);
      } catch (error) {
        const lasting = damagedAtRest(before, error, key, this.location);
        before = error;
        throw lasting ?? error;
      }
    });
  }

  /** A listing that broke off goes on behind the last key that was handed out. */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    let { after } = options;
    let attempts = this.#attempts(options.signal);
    for (;;) {
      try {
        for await (const found of this.#store.list(prefix, {
          ...options,
          ...(after !== undefined && { after }),
        })) {
          yield found;
          after = found.key;
          attempts.answered();
          attempts = this.#attempts(options.signal);
        }
        attempts.answered();
        return;
      } catch (error) {
        await attempts.pauseAfter(error);
      }
    }
  }

  /** Whether the object is the very one that was to be put. One that is gone again is no answer: it is asked anew. */
  async #isThere(key: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      // One byte more tells a longer object.
      const there = await this.#store.get(key, { start: 0, length: body.length + 1 }, signal);
      return there.equals(body);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'object_missing') throw error;
      throw new TidemarkError(
        'storage_unavailable',
        `The store at ${this.location} says of ${key} both that it is there and that it is not.`,
        { cause: error },
      );
    }
  }

  async #again<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
    const attempts = this.#attempts(signal);
    for (;;) {
      try {
        const result = await attempt();
        attempts.answered();
        return result;
      } catch (error) {
        await attempts.pauseAfter(error);
      }
    }
  }

  #attempts(signal: AbortSignal | undefined): Attempts {
    return new Attempts(this.location, this.#options, signal);
  }
}

class Attempts {
  readonly #location: string;
  readonly #options: Settled;
  readonly #signal: AbortSignal | undefined;
  readonly #began = performance.now();
  #pauseMs: number;

  constructor(location: string, options: Settled, signal: AbortSignal | undefined) {
    this.#location = location;
    this.#options = options;
    this.#signal = signal;
    this.#pauseMs = options.firstPauseMs;
  }

  /** Nothing is waited for there any more. */
  answered(): void {
    this.#options.waits?.over(this.#location);
  }

  /** @throws `error` itself when it does not pass, or when no time is left for another attempt */
  async pauseAfter(error: unknown): Promise<void> {
    try {
      await this.#pauseAfter(error);
    } catch (thrown) {
      this.answered();
      throw thrown;
    }
  }

  async #pauseAfter(error: unknown): Promise<void> {
    if (!isPassing(error)) throw error;
    const { deadlineMs, longestPauseMs, waits } = this.#options;
    const own = this.#pauseMs * (0.5 + Math.random() / 2);
    const asked = (error.retryAfterSeconds ?? 0) * 1000;
    // Who was told when to come back comes a little later than that, and not with everybody else.
    const ms = asked > own ? asked + own * Math.random() : own;
    if (performance.now() - this.#began + ms >= deadlineMs) throw error;
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    waits?.begun(this.#location, error.message);
    await pause(ms, this.#signal);
  }
}
