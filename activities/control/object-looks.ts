/** One look at what lies in a store: what it finds, the next one finds again, or not. */
import type { ObjectFindings } from '../../catalog/object-look-types.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Plane } from './plane.ts';

/** What earlier looks have found, and what this one does. */
export class ObjectLook {
  readonly #before: ObjectFindings;
  readonly #now: string;
  readonly #found = new Map<string, string>();

  /** @param now when it is looked, RFC 3339 in UTC */
  constructor(before: ObjectFindings, now: string) {
    this.#before = before;
    this.#now = now;
  }

  /** Notes something that should not be, and answers whether it was so in an earlier look, long enough ago. */
  isStill(what: string, graceMs: number): boolean {
    const before = this.#before.get(what);
    this.#found.set(what, before ?? this.#now);
    return before !== undefined && Date.parse(this.#now) - Date.parse(before) >= graceMs;
  }

  get findings(): ObjectFindings {
    return this.#found;
  }
}

export interface Look {
  plane: Plane;
  service: ServiceRecord;
  look: ObjectLook;
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
