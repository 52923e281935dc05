/** Follows an operation to its end by asking for it again and again. */
import { TidemarkError } from '../domain/errors.ts';
import { ApiRefusal, ApiUnreachable } from './errors.ts';
import { pause } from './pause.ts';

export interface FollowOptions {
  everyMs?: number;
  /** How long it may take to end. */
  limitMs?: number;
  /** How long the API may be away meanwhile. Default: not at all. */
  outageMs?: number;
  /** Is told once that the API does not answer, and why. */
  away?: (error: Error) => void;
  /** Stops following; the operation goes on. */
  signal?: AbortSignal | undefined;
}

const finals = new Set(['Succeeded', 'Failed', 'Cancelled']);

/**
 * Looks again and again until an operation has ended.
 *
 * @param look asks for its present state
 * @param seen is told every state that was seen, the last included
 * @throws operation_lost when it has not ended within the limit; what `look` throws; the signal's reason
 */
export async function untilEnded<T extends { status: string }>(
  look: () => Promise<T>,
  seen: (state: T) => void = () => undefined,
  options: FollowOptions = {},
): Promise<T> {
  const { everyMs = 200, limitMs = 30 * 60_000, outageMs = 0, away = () => undefined, signal } = options;
  const end = Date.now() + limitMs;
  let awaySince: number | undefined;
  for (;;) {
    try {
      const state = await look();
      awaySince = undefined;
      seen(state);
      if (finals.has(state.status)) return state;
      if (Date.now() > end)
        throw new TidemarkError('operation_lost', `It is still ${state.status} after ${limitMs / 1000} s.`);
    } catch (error) {
      if (!isOutage(error)) throw error;
      if (awaySince === undefined) away(error);
      awaySince ??= Date.now();
      if (Date.now() - awaySince > outageMs) throw error;
    }
    await pause(everyMs, signal);
  }
}

function isOutage(error: unknown): error is Error {
  return (
    error instanceof ApiUnreachable ||
    (error instanceof ApiRefusal && [429, 502, 503, 504].includes(error.status))
  );
}
