/** Waiting that ends when a signal is aborted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelledError } from '../cancel.ts';

/** @throws operation_cancelled */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (signal?.aborted) throw cancelledError(signal);
    throw error;
  }
}
