/** The same backup in several places: what one cannot give, the next one does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutAdvice } from '../domain/copies.ts';
import { TidemarkError } from '../domain/errors.ts';
import { throwIfCancelled } from './cancel.ts';
import type { ObjectStore } from './store.ts';

/** What a place could not give, and why. */
export interface Refusal {
  location: string;
  error: TidemarkError;
}

/** How long the place before is waited for until the next one is asked beside it. Milliseconds. */
const patienceMs = 5_000;

/**
 * Asks one place after the other, the next one also when the one before is slow, and takes the first answer. What is
 * still being asked then is told to end, and has ended when this settles.
 *
 * @param what of the message when none has it: `The manifest of …`
 * @throws the error of the one place when there is one; otherwise an error that names every place with its reason;
 *   operation_cancelled
 */
export async function firstOf<T>(
  stores: readonly ObjectStore[],
  what: string,
  ask: (store: ObjectStore, signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<{ answer: T; place: number; refusals: Refusal[] }> {
  const givenUp = new AbortController();
  const either = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  const refusals: Refusal[] = [];
  const asked = new Map<number, Promise<{ place: number; answer: T } | { place: number; error: unknown }>>();
  let begun = 0;
  const askNext = (): void => {
    const place = begun;
    const store = stores[place];
    if (!store) return;
    begun += 1;
    asked.set(
      place,
      ask(store, either).then(
        (answer) => ({ place, answer }),
        (error: unknown) => ({ place, error }),
      ),
    );
  };
  try {
    askNext();
    while (asked.size > 0) {
      const over = new AbortController();
      const late = begun < stores.length ? [sleep(patienceMs, undefined, { signal: over.signal })] : [];
      for (const waiting of late) waiting.catch(() => undefined);
      const next = await Promise.race([...asked.values(), ...late]).finally(() => over.abort());
      throwIfCancelled(signal);
      if (next && 'answer' in next) return { answer: next.answer, place: next.place, refusals };
      if (next) {
        asked.delete(next.place);
        refusals.push({ location: locationOf(stores, next.place), error: ofAPlace(next.error) });
      }
      askNext();
    }
    throw noneHas(what, refusals);
  } finally {
    givenUp.abort();
    await Promise.allSettled(asked.values());
  }
}

/**
 * Several places, one of which serves at a time: the first, until it is away. An object that is missing or damaged
 * there is taken from another one, and the place goes on serving the others.
 */
export class Replicas {
  readonly #stores: readonly ObjectStore[];
  readonly #patient: readonly ObjectStore[];
  readonly #onRefusal: (refusal: Refusal) => void;
  readonly #given = new Set<string>();
  #serving = 0;

  /**
   * @param onRefusal is told each time that another place is asked instead
   * @param patient the same places in the same order, each asked for longer: once all have failed, and one may come back
   */
  constructor(
    stores: readonly ObjectStore[],
    onRefusal: (refusal: Refusal) => void = () => undefined,
    patient: readonly ObjectStore[] = [],
  ) {
    this.#stores = stores;
    this.#onRefusal = onRefusal;
    this.#patient = patient;
  }

  /** The locations that something was read from, in the order in which they began to give. */
  get given(): string[] {
    return [...this.#given];
  }

  /**
   * Reads from the place that serves, or else from the others, each tried once.
   *
   * @param what of the message when none has it: `The object …`
   * @throws as {@link firstOf}
   */
  async read<T>(what: string, ask: (store: ObjectStore) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let result = await this.#askAll(this.#stores, ask, signal);
    const mayPass = 'refusals' in result && result.refusals.some(({ error }) => error.retryable);
    if (mayPass && this.#patient.length > 0) result = await this.#askAll(this.#patient, ask, signal);
    if ('refusals' in result) throw noneHas(what, result.refusals);
    return result.answer;
  }

  async #askAll<T>(
    stores: readonly ObjectStore[],
    ask: (store: ObjectStore) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<{ answer: T } | { refusals: Refusal[] }> {
    const refusals: Refusal[] = [];
    const first = this.#serving;
    for (let step = 0; step < stores.length; step += 1) {
      const place = (first + step) % stores.length;
      const store = stores[place];
      if (!store) break;
      try {
        const answer = await ask(store);
        this.#given.add(store.location);
        return { answer };
      } catch (cause) {
        throwIfCancelled(signal);
        const error = ofAPlace(cause);
        refusals.push({ location: store.location, error });
        const onlyThis = error.code === 'object_missing' || error.code === 'object_damaged';
        // Each part would otherwise wait for it anew, as long as a request is tried again.
        if (!onlyThis && this.#serving === place) this.#serving = (place + 1) % stores.length;
        if (step + 1 < stores.length) this.#onRefusal({ location: store.location, error });
      }
    }
    return { refusals };
  }
}

/** What says nothing of the place is no reason to ask another one. @throws that */
function ofAPlace(error: unknown): TidemarkError {
  if (!(error instanceof TidemarkError)) throw error;
  if (error.code === 'operation_cancelled' || error.code === 'internal') throw error;
  return error;
}

/** An error that may pass wins: then it is worth to ask all of them once more. */
function noneHas(what: string, refusals: readonly Refusal[]): TidemarkError {
  const [first, ...others] = refusals;
  if (!first) return new TidemarkError('internal', `${what} was looked for nowhere.`);
  if (others.length === 0) return first.error;
  const { error } = refusals.find(({ error: { retryable } }) => retryable) ?? first;
  const reasons = refusals.map((refusal) => `${refusal.location}: ${withoutAdvice(refusal.error.message)}`);
  return new TidemarkError(
    error.code,
    `${what} can be read from none of ${refusals.length} locations. ${reasons.join(' ')} Restore another backup, or ` +
      'bring one of these back.',
    { cause: error },
  );
}

function locationOf(stores: readonly ObjectStore[], place: number): string {
  return stores[place]?.location ?? '';
}
