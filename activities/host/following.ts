/**
 * The follower of the server's binlog in this process: one at a time, stopped while the server's data is swapped, and
 * asked by others to ship what there is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FollowReport, FollowState } from '../../domain/archive/facts.ts';
import { TidemarkError } from '../../domain/errors.ts';

/** What of a follower is used here: see `mariadb/follow`. */
export interface RunningFollower {
  /** Follows until its signal. @throws when it cannot go on */
  run(report: (report: FollowReport) => Promise<void>): Promise<void>;
  /** Ships everything up to where the server's binlog ends now. @returns where it stands then */
  flush(signal?: AbortSignal): Promise<FollowState>;
  readonly state: FollowState | undefined;
}

const lookMs = 100;
/** How long a follower may take to stop before the server is stopped under it: it outlives that. */
const longestStopMs = 10_000;
/** How long what is new may take to be shipped before a server is stopped: a store that is away delays nothing. */
const lastFlushMs = 10_000;

export class Following {
  #follower: RunningFollower | undefined;
  /** Ends the attempt that goes on; and is settled once nothing of it does. */
  #attempt: { supersede: AbortController; ended: Promise<void> } | undefined;
  /** Ends the follower alone: the attempt goes on with another. */
  #stop: AbortController | undefined;
  #pauses = 0;

  /** Where the follower stands; undefined while there is none. */
  get state(): FollowState | undefined {
    return this.#follower?.state;
  }

  /**
   * Follows until the signal. A later call ends an earlier one first: an attempt that Temporal gave up on may still be
   * going on here.
   *
   * @param make a follower, which ends with the signal that it is given
   * @throws the signal's reason; what the follower throws
   */
  async follow(
    make: (signal: AbortSignal) => RunningFollower,
    report: (report: FollowReport) => Promise<void>,
    signal: AbortSignal,
  ): Promise<never> {
    await this.#endEarlier(signal);
    const supersede = new AbortController();
    const ending = Promise.withResolvers<void>();
    const attempt = { supersede, ended: ending.promise };
    this.#attempt = attempt;
    try {
      const whole = AbortSignal.any([signal, supersede.signal]);
      for (;;) {
        while (this.#pauses > 0) await sleep(lookMs, undefined, { signal: whole });
        whole.throwIfAborted();
        await this.#followOnce(make, report, whole);
      }
    } finally {
      if (this.#attempt === attempt) this.#attempt = undefined;
      ending.resolve();
    }
  }

  async #followOnce(
    make: (signal: AbortSignal) => RunningFollower,
    report: (report: FollowReport) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    try {
      this.#follower = make(AbortSignal.any([signal, stop.signal]));
      await this.#follower.run(report);
    } catch (error) {
      // One that was told to stop says so in whatever way.
      if (!stop.signal.aborted || signal.aborted) throw error;
    } finally {
      this.#follower = undefined;
      this.#stop = undefined;
    }
  }

  async #endEarlier(signal: AbortSignal): Promise<void> {
    for (let earlier = this.#attempt; earlier; earlier = this.#attempt) {
      signal.throwIfAborted();
      earlier.supersede.abort(new TidemarkError('host_busy', 'A later attempt took over.'));
      await earlier.ended;
    }
  }

  /**
   * Ships everything up to where the server's binlog ends now; waits for a follower where there is none.
   *
   * @returns where it stands then @throws the signal's reason
   */
  async flush(signal: AbortSignal): Promise<FollowState> {
    for (;;) {
      signal.throwIfAborted();
      const follower = this.#follower;
      if (follower) {
        try {
          return await follower.flush(signal);
        } catch (error) {
          // Another one takes its place, and is asked then.
          if (this.#follower === follower) throw error;
        }
      }
      await sleep(lookMs, undefined, { signal });
    }
  }

  /**
   * Nothing follows while `work` goes on: the server is stopped in it, and may be another one afterwards. What there is
   * by then is shipped before, as far as that can be done soon.
   */
  async pausedWhile<T>(work: () => Promise<T>): Promise<T> {
    // What cannot be shipped now, or is written from here on, goes into the spool when the server is stopped.
    if (this.#follower) await this.flush(AbortSignal.timeout(lastFlushMs)).catch(() => undefined);
    this.#pauses += 1;
    try {
      this.#stop?.abort(new TidemarkError('host_busy', 'The server is stopped.'));
      const deadline = Date.now() + longestStopMs;
      while (this.#follower && Date.now() < deadline) await sleep(lookMs);
      return await work();
    } finally {
      this.#pauses -= 1;
    }
  }
}
