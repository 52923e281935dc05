/** Where an agent reads a backup from: its own store, a customer's bucket, or whichever copy the order names. */
import { managedStorage } from '../../domain/copies.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { type Refusal, Replicas } from '../../storage/replicas.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { storeFor } from './bucket.ts';
import type { FetchReport, HostRestoreInput } from './contract.ts';
import type { Host } from './host.ts';

/**
 * The stores that an order is to be read from, the first first.
 *
 * @throws copy_location_unknown; what opening a customer's bucket does
 */
export async function storesFor(host: Host, order: HostRestoreInput): Promise<ObjectStore[]> {
  const { bucket, sources = [], foreign } = order;
  if (foreign) throw new Error('a foreign backup has no objects of ours');
  if (bucket || sources.length === 0) return [await storeFor(host, order)];
  return sources.map((location) => {
    const store = location === managedStorage ? host.store : host.copies.get(location);
    if (store) return store;
    throw new TidemarkError(
      'copy_location_unknown',
      `The settings of the agent do not name the location ${location} in "copies". Add it, and start the agent again.`,
    );
  });
}

/** With another one at hand, a location that fails is left soon; only when all do, each is waited for. */
function impatientOf(
  { impatient }: Host,
  { sources = [] }: HostRestoreInput,
  stores: readonly ObjectStore[],
): ObjectStore[] {
  return stores.map((store, place) => impatient?.get(sources[place] ?? '') ?? store);
}

/** The same, to be read part by part; what one of them refuses is logged, and told in the report. */
export async function sourcesFor(
  host: Host,
  order: HostRestoreInput,
): Promise<{ from: Replicas; report: () => FetchReport }> {
  const refusals = new Map<string, string>();
  const tell = ({ location, error }: Refusal): void => {
    host.log.warn(
      { backup: order.backupId, storage: location, reason: error.message },
      'An object of the backup is read from another location.',
    );
    if (!refusals.has(location)) refusals.set(location, `${location}: ${error.message}`);
  };
  const stores = await storesFor(host, order);
  const from =
    stores.length > 1
      ? new Replicas(impatientOf(host, order, stores), tell, stores)
      : new Replicas(stores, tell);
  return { from, report: () => ({ readFrom: from.given, refusals: [...refusals.values()] }) };
}
