/** Keeps the bytes a second of a store below a limit, whole objects at a time: no body is cut, copied or held back. */
import { performance } from 'node:perf_hooks';
import { type Asked, PassingOn } from '../passing-on.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectStore, Recognizer } from '../store.ts';
import { pause } from './signals.ts';

/** As in the settings. */
export interface RateLimits {
  /** Bytes a second of all puts and replaces together; 0: no limit. */
  upload_limit: number;
  /** Bytes a second of all gets together; 0: no limit. */
  download_limit: number;
}

/**
 * The limits are the process's: all stores that have the same ones share them. The store itself when nothing is limited.
 */
export function limited(store: ObjectStore, limits: RateLimits): ObjectStore {
  if (limits.upload_limit === 0 && limits.download_limit === 0) return store;
  return new LimitedStore(store, laneOf('up', limits.upload_limit), laneOf('down', limits.download_limit));
}

/** One for each direction and limit; a process has few of them. */
const lanes = new Map<string, Lane>();

function laneOf(direction: 'up' | 'down', limit: number): Lane {
  const name = `${direction} ${limit}`;
  const lane = lanes.get(name) ?? new Lane(limit);
  lanes.set(name, lane);
  return lane;
}

/** What a get is taken for until it is known how much came. */
const guessedBytes = 64 * 1024;

class LimitedStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #up: Lane;
  readonly #down: Lane;

  constructor(store: ObjectStore, up: Lane, down: Lane) {
    super(store.location);
    this.#store = store;
    this.#up = up;
    this.#down = down;
  }

  protected override async ask<T>({ bodyBytes, signal, of }: Asked<T>): Promise<T> {
    if (bodyBytes > 0) await this.#up.enter(bodyBytes, signal);
    return await of(this.#store, signal);
  }

  override async get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    // Without memory for it, the range may be only the most that the object could have.
    const expected = into === undefined ? Math.min(range?.length ?? 0, guessedBytes) : (range?.length ?? 0);
    await this.#down.enter(expected, signal);
    const found = await this.#store.get(key, range, signal, into, recognizes);
    this.#down.correct(found.length - expected);
    return found;
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    return this.#store.list(prefix, options);
  }
}

/**
 * One direction: each transfer begins when those before it would have ended at the limit. In the order in which they
 * came, so that nobody is overtaken for ever.
 */
class Lane {
  readonly #bytesPerMs: number;
  /** When the next may begin, in milliseconds of the process's own clock. */
  #freeAt = 0;

  /** @param limit bytes a second; 0: none */
  constructor(limit: number) {
    this.#bytesPerMs = limit / 1000;
  }

  /** @throws operation_cancelled */
  async enter(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#bytesPerMs === 0) return;
    const now = performance.now();
    const begin = Math.max(now, this.#freeAt);
    this.#freeAt = begin + bytes / this.#bytesPerMs;
    if (begin <= now) return;
    try {
      await pause(begin - now, signal);
    } catch (error) {
      this.correct(-bytes);
      throw error;
    }
  }

  /** What was entered with a guess turned out to be `bytes` more, or less. */
  correct(bytes: number): void {
    if (this.#bytesPerMs > 0) this.#freeAt += bytes / this.#bytesPerMs;
  }
}
