/** How an aborted signal becomes an error. */
import { TidemarkError } from '../domain/errors.ts';

/** The error of work that `signal` ended: its reason, if that is one of ours, otherwise `operation_cancelled`. */
export function cancelledError(signal: AbortSignal): TidemarkError {
  if (signal.reason instanceof TidemarkError) return signal.reason;
  return new TidemarkError('operation_cancelled', 'The work on the object store was cancelled.', {
    cause: signal.reason,
  });
}

/** @throws operation_cancelled */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelledError(signal);
}
