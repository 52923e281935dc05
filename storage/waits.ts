/** For which places a process waits now, and why: whoever waits for an operation is told. */

interface Wait {
  /** RFC 3339. */
  since: string;
  reason: string;
}

/** What a message may be told of a reason. */
const mostReason = 300;

/** Who hears of waiting. */
export type WaitsHeard = Pick<Waits, 'begun' | 'over'>;

export class Waits {
  readonly #waits = new Map<string, Wait>();
  #count = 0;

  /** How many requests had to be tried again so far. */
  get count(): number {
    return this.#count;
  }

  /** A request to this place failed, and is tried again. */
  begun(location: string, reason: string): void {
    this.#count += 1;
    const since = this.#waits.get(location)?.since ?? new Date().toISOString();
    this.#waits.set(location, { since, reason: reason.slice(0, mostReason) });
  }

  /** The place has answered, or nobody waits for it any more. */
  over(location: string): void {
    this.#waits.delete(location);
  }

  /** A sentence a place; undefined while none is waited for. */
  get told(): string | undefined {
    if (this.#waits.size === 0) return undefined;
    return [...this.#waits]
      .map(
        ([location, { since, reason }]) => `Waiting for ${location} since ${since.slice(11, 19)}Z: ${reason}`,
      )
      .join(' ');
  }
}
