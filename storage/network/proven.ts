/** Opens a store across a network: with a proof of what backups need of it, if it answers. */
import type { Log } from '../../domain/log.ts';
import type { ObjectStore } from '../store.ts';
import { isPassing } from '../store.ts';
import { within } from './within.ts';

export interface ProvableStore extends ObjectStore {
  /**
   * Sees that the store can be written to, and that its writes can only create; once that was seen, it is not asked
   * again. Before the first write at the latest.
   */
  prove(signal: AbortSignal | undefined): Promise<unknown>;
}

/**
 * The store, proven. One that does not answer at the moment is opened all the same, and proves itself later.
 *
 * @throws a store's errors that do not pass
 */
export async function proven(
  store: ProvableStore,
  timeoutMs: number,
  log: Log | undefined,
): Promise<ObjectStore> {
  try {
    await within(timeoutMs, store.location, (signal) => store.prove(signal));
  } catch (error) {
    if (!isPassing(error)) throw error;
    log?.warn({ storage: store.location, error: error.code }, error.message);
  }
  return store;
}
