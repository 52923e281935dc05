/** A pause that somebody else can end. */
import { setTimeout as sleep } from 'node:timers/promises';

export class Waker {
  #pause = new AbortController();

  /** Ends the pause that is going on, or the next one when none is. */
  wake(): void {
    this.#pause.abort();
  }

  /** Until it is woken, the signal, or the time is over. @returns whether it was woken */
  async rest(ms: number, signal: AbortSignal): Promise<boolean> {
    await sleep(ms, undefined, { signal: AbortSignal.any([signal, this.#pause.signal]) }).catch(
      () => undefined,
    );
    const woken = this.#pause.signal.aborted;
    if (woken) this.#pause = new AbortController();
    return woken;
  }
}
