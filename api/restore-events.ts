/**
 * What becomes of restores, for those who watch them: however many watch, each restore is looked at once at a time, and
 * all at one pace.
 */
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalog, RestoreRecord } from '../catalog/types.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { isFinal } from '../domain/operations.ts';
import type { ApiLog } from './context.ts';
import type { LiveProgress } from './progress.ts';
import { restoreView } from './views/restore.ts';

/** Agents report some two seconds apart. */
const lookMs = 1_000;
/** Something is said at least so often: proxies take a connection on which nothing comes for dead. */
const heartbeatMs = 15_000;

/** A restore as it was at a moment. */
export interface RestoreState {
  /** The same for the same state, whichever process tells it. */
  id: string;
  /** `end`: nothing more comes; `removed`: it is not on the lists any more, and this is what it was last. */
  event: 'restore' | 'end' | 'removed';
  /** The Restore, as JSON. */
  data: string;
}

export interface EventLimits {
  /** How many streams this process serves at once, to all and to the same credentials. */
  streams: number;
  perSubject: number;
  /** How long one lasts, in milliseconds: with the next, credentials are looked at anew. */
  durationMs: number;
}

export interface RestoreEventsOptions {
  catalog: Pick<Catalog, 'findRestore'>;
  progress: Pick<LiveProgress, 'ofRestore'>;
  limits: EventLimits;
  log: ApiLog;
  /** Milliseconds. */
  pace?: { lookMs: number; heartbeatMs: number };
}

interface Watched {
  organization: string;
  state: RestoreState;
  streams: number;
  /** Those who wait for another state. */
  waiting: Set<() => void>;
}

/** One who watches a restore. */
export interface Watching {
  /** Aborted when the stream is to end: its time is over, or the process ends. */
  readonly signal: AbortSignal;
  /** As it was looked at last. */
  now(): RestoreState;
  /** What is there now, or next, unless it is known. @returns undefined when nothing came for a while, or the signal */
  next(known: string | undefined): Promise<RestoreState | undefined>;
  /** Nobody watches any more. May be called again. */
  end(): void;
}

export class RestoreEvents {
  readonly #options: RestoreEventsOptions;
  readonly #pace: { lookMs: number; heartbeatMs: number };
  readonly #watched = new Map<number, Watched>();
  readonly #perSubject = new Map<string, number>();
  readonly #over = new AbortController();
  #streams = 0;
  #looking = false;
  #failing = false;

  constructor(options: RestoreEventsOptions) {
    this.#options = options;
    this.#pace = options.pace ?? { lookMs, heartbeatMs };
  }

  /**
   * @param subject who watches
   * @param expiresAt when the credentials end
   * @throws too_many_streams, streams_exhausted
   */
  async watch(record: RestoreRecord, subject: string, expiresAt?: string): Promise<Watching> {
    const release = this.#admit(subject);
    try {
      const { id, organization } = record;
      let watched = this.#watched.get(id);
      if (!watched) {
        const state = await this.#stateOf(record);
        // Another one may have come meanwhile.
        watched = this.#watched.get(id) ?? { organization, state, streams: 0, waiting: new Set() };
        this.#watched.set(id, watched);
      }
      watched.streams += 1;
      if (!this.#looking) void this.#lookOn();
      const left = expiresAt === undefined ? Infinity : Date.parse(expiresAt) - Date.now();
      return this.#watching(id, watched, { release, left });
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Ends all streams, and looks at nothing any more. */
  close(): void {
    this.#over.abort();
  }

  /** @returns what gives the place back; may be called again */
  #admit(subject: string): () => void {
    const { streams, perSubject } = this.#options.limits;
    const own = this.#perSubject.get(subject) ?? 0;
    if (own >= perSubject) {
      throw new TidemarkError(
        'too_many_streams',
        `These credentials follow ${own} restores here already, and may follow ${perSubject} at once: end another stream first.`,
        { retryAfterSeconds: 5 },
      );
    }
    if (this.#over.signal.aborted) {
      throw new TidemarkError('streams_exhausted', 'This api is about to end: ask again in a moment.');
    }
    if (this.#streams >= streams) {
      throw new TidemarkError(
        'streams_exhausted',
        `This api serves ${this.#streams} streams of events, and no more: ask again in a moment, or GET /restores/{id} now and then.`,
      );
    }
    this.#streams += 1;
    this.#perSubject.set(subject, own + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#streams -= 1;
      const left = (this.#perSubject.get(subject) ?? 1) - 1;
      if (left > 0) this.#perSubject.set(subject, left);
      else this.#perSubject.delete(subject);
    };
  }

  #watching(
    id: number,
    watched: Watched,
    { release, left }: { release: () => void; left: number },
  ): Watching {
    const ended = new AbortController();
    const lasts = Math.max(0, Math.min(this.#options.limits.durationMs, left));
    const time = setTimeout(() => ended.abort(), lasts).unref();
    const signal = AbortSignal.any([ended.signal, this.#over.signal]);
    let over = false;
    return {
      signal,
      now: () => watched.state,
      next: async (known) => {
        if (!signal.aborted && watched.state.id === known) await this.#change(watched, signal);
        return signal.aborted || watched.state.id === known ? undefined : watched.state;
      },
      end: () => {
        if (over) return;
        over = true;
        clearTimeout(time);
        ended.abort();
        release();
        watched.streams -= 1;
        if (watched.streams === 0) this.#watched.delete(id);
      },
    };
  }

  /** Until there is another state, the signal, or it is time to say that somebody is there. */
  async #change({ waiting }: Watched, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = (): void => resolve();
    waiting.add(resolve);
    const time = setTimeout(resolve, this.#pace.heartbeatMs);
    signal.addEventListener('abort', over, { once: true });
    await promise;
    clearTimeout(time);
    // A stream waits once a second, for as long as it lasts.
    signal.removeEventListener('abort', over);
    waiting.delete(resolve);
  }

  /** As long as somebody watches. */
  async #lookOn(): Promise<void> {
    this.#looking = true;
    const { signal } = this.#over;
    while (this.#watched.size > 0 && !signal.aborted) {
      await sleep(this.#pace.lookMs, undefined, { signal }).catch(() => undefined);
      await Promise.all([...this.#watched].map(async ([id, watched]) => this.#look(id, watched)));
    }
    this.#looking = false;
  }

  async #look(id: number, watched: Watched): Promise<void> {
    const { catalog, log } = this.#options;
    const { state } = watched;
    if (state.event !== 'restore') return;
    try {
      const record = await catalog.findRestore(id, watched.organization);
      watched.state = record
        ? await this.#stateOf(record)
        : { ...state, id: `${state.id}-removed`, event: 'removed' };
      this.#failing = false;
    } catch (error) {
      if (!this.#failing)
        log.warn({ reason: messageOf(error) }, 'restores that are watched cannot be looked at');
      this.#failing = true;
    }
    if (watched.state.id !== state.id) for (const tell of watched.waiting) tell();
  }

  async #stateOf(record: RestoreRecord): Promise<RestoreState> {
    const now = await this.#options.progress.ofRestore(record);
    const data = JSON.stringify(restoreView(now));
    const over = isFinal(now.status) && (!now.undo || isFinal(now.undo.status));
    return { id: hash('sha256', data).slice(0, 16), event: over ? 'end' : 'restore', data };
  }
}
