/** Looks at what lies in a store, one after the other: what one found, the next one finds again, or not. */
import type { ServiceRecord } from '../../catalog/types.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Plane } from './plane.ts';

/** What one process has found so far: it begins anew with another. */
export class ObjectLooks {
  #lookedAt = 0;
  #seen = new Map<string, number>();
  #found = new Map<string, number>();

  /** Whether it is time for another look at everything. @param now Unix milliseconds */
  isDue(now: number, intervalMs: number): boolean {
    return now - this.#lookedAt >= intervalMs;
  }

  /** The look is over: what it did not find again is forgotten. */
  end(now: number): void {
    this.#lookedAt = now;
    this.#seen = this.#found;
    this.#found = new Map();
  }

  /** Notes something that should not be, and answers whether it was so in an earlier look, long enough ago. */
  isStill(what: string, now: number, graceMs: number): boolean {
    const since = this.#seen.get(what) ?? now;
    this.#found.set(what, since);
    return this.#seen.has(what) && now - since >= graceMs;
  }
}

export interface Look {
  plane: Plane;
  service: ServiceRecord;
  looks: ObjectLooks;
  /** Unix milliseconds. */
  now: number;
  signal: AbortSignal;
}

/** One object that is in the way must not keep the others from being looked at. */
export async function settled({ plane }: Look, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    plane.log.error({ what, reason: messageOf(error) }, 'An object could not be settled; trying again.');
  }
}
