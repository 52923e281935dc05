/**
 * Whether the managed storage is the one that the deployment's backups are in. A slip in a setting, or a directory that
 * is not mounted, would otherwise look like the loss of them all: each would be called damaged, and new ones would begin
 * chains in a place that nobody meant.
 */
import type { Catalog } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../../domain/log.ts';
import { objectKeys } from '../../domain/ids.ts';
import { placeOf } from '../../storage/open.ts';
import { isPassing, type ObjectStore } from '../../storage/store.ts';
import { manifestExists } from '../../storage/sweep.ts';

/** Of the newest backups, where the storage has always been this one: some may have been removed by hand. */
const backupsLookedFor = 20;

type Knowledge = Pick<
  Catalog,
  'deploymentId' | 'managedStorage' | 'noteManagedStorage' | 'storedBackups' | 'findService'
>;

/**
 * A storage has the mark of the deployment, or gets it: when it has the newest of the backups, when there are none yet,
 * and when it was moved on purpose. The mark stays in a storage that was left, so where the last one was another it is
 * not believed alone: the older backups are still there, and the newer ones are not.
 *
 * @param movedFrom as the setting `storage_moved_from` has it
 * @throws storage_foreign, naming both places; what the store does
 */
export async function recognizeStorage(
  store: ObjectStore,
  catalog: Knowledge,
  { movedFrom, log }: { movedFrom?: string | undefined; log?: Log | undefined } = {},
): Promise<void> {
  const mark = objectKeys.deployment(await catalog.deploymentId());
  const known = await catalog.managedStorage();
  const moved = known !== '' && known !== store.location;
  const isMarked = await isThere(store, mark);
  if (!isMarked || moved) {
    const old = await missedPlace(store, catalog, known);
    if (old !== undefined && (movedFrom === undefined || placeOf(movedFrom) !== old))
      throw foreign(store, old);
    if (old !== undefined)
      log?.warn(
        { storage: store.location, before: old },
        'The storage was changed; the backups before are given up.',
      );
    if (!isMarked) await leave(store, mark);
  }
  if (known !== store.location) await catalog.noteManagedStorage(store.location);
}

/** Where the backups are that are not here; undefined when one of them is, and when there are none. */
async function missedPlace(
  store: ObjectStore,
  catalog: Knowledge,
  known: string,
): Promise<string | undefined> {
  const elsewhere = known !== '' && known !== store.location;
  const backups = await catalog.storedBackups(elsewhere ? 1 : backupsLookedFor);
  for (const { id } of backups) if (await manifestExists(store, id)) return undefined;
  const [newest] = backups;
  if (!newest) return undefined;
  if (known !== '') return known;
  // A deployment of before noted nothing; what its agent said last may be the new place already.
  return (await catalog.findService(newest.serviceId))?.storage || store.location;
}

function foreign({ location }: ObjectStore, old: string): TidemarkError {
  const elsewhere = old !== location;
  return new TidemarkError(
    'storage_foreign',
    [
      elsewhere
        ? `The storage ${location} does not have the newest of the backups that the catalog lists.`
        : `The storage ${location} has none of the backups that the catalog lists.`,
      elsewhere
        ? `They are in ${old}: set that again, or bring all that lies there along.`
        : 'See that it is whole, and mounted.',
      `If they are given up, say so with storage_moved_from (npm start: --moved-from): ${old}.`,
    ].join(' '),
  );
}

async function isThere(store: ObjectStore, key: string): Promise<boolean> {
  try {
    await store.stat(key);
    return true;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return false;
    throw error;
  }
}

/** Where it cannot be written it is looked for the backups again the next time: who may only read, restores. */
async function leave(store: ObjectStore, mark: string): Promise<void> {
  try {
    await store.put(mark, Buffer.from(`${JSON.stringify({ format: 1 })}\n`));
  } catch (error) {
    if (!(error instanceof TidemarkError) || isPassing(error)) throw error;
  }
}
