/** Removing what is stored of a backup that has left the catalog: in every place that it lies in. */
import { Context } from '@temporalio/activity';
import type { RemovalRecord } from '../../catalog/retention-types.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { within } from '../../storage/network/within.ts';
import { removeBackup } from '../../storage/remove.ts';
import { removeParts } from '../../storage/sweep.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startRemovals } from '../../temporal/start.ts';
import { beating } from '../heartbeat.ts';
import { storeOfBucket } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import { endCopying } from './copies.ts';
import type { Plane } from './plane.ts';

/** How long a further location may take. One that is away now is asked again by the next sweep. */
const copyMs = 60_000;

export function removalActivities(plane: Plane): Pick<ControlActivities, 'removeDeleted'> {
  return {
    async removeDeleted() {
      return await beating(() => removeAll(plane, Context.current().cancellationSignal));
    },
  };
}

/** @returns how many could not be removed; each is logged */
async function removeAll(plane: Plane, signal: AbortSignal): Promise<{ left: number }> {
  const removals = await plane.catalog.listRemovals();
  if (removals.length > 0 && (await isUnconfirmed(plane))) return { left: removals.length };
  let left = 0;
  const away = new Set<string>();
  for (const removal of removals) {
    signal.throwIfAborted();
    try {
      await carryOut(plane, removal, away);
    } catch (error) {
      left += 1;
      plane.log.error(
        { backup: removal.backupId, reason: messageOf(error) },
        'The objects of a backup could not be removed; trying again.',
      );
    }
  }
  return { left };
}

/** Whether the catalog was filled from a store and nobody has looked at it yet: then nothing is deleted. */
export async function isUnconfirmed({ catalog, log }: Plane): Promise<boolean> {
  const since = await catalog.unconfirmedSince();
  if (since === undefined) return false;
  log.warn(
    { since },
    'Nothing is deleted: the catalog was filled from a store and not confirmed yet. Run "tidemark catalog confirm".',
  );
  return true;
}

/** What an api could not have begun, because Temporal was away or the api died. */
export async function beginPendingRemovals({ catalog, client }: Plane): Promise<void> {
  if ((await catalog.listRemovals()).length > 0) await startRemovals(client, false);
}

/**
 * Removes the objects of one backup. Again after a kill, it goes on where it stopped. A place that is away keeps the
 * others from nothing.
 *
 * @param away locations that did not answer earlier in this sweep: they are not asked again, and added to
 * @throws the first of what went wrong; the rest is logged
 */
export async function carryOut(plane: Plane, removal: RemovalRecord, away: Set<string>): Promise<void> {
  const { catalog, log } = plane;
  const { backupId, serviceId, storedBytes, reason } = removal;
  if (removal.copies.length > 0) await endCopying(plane, backupId);
  const copies = await removeCopies(plane, removal, away);
  const store = await storeOfRemoval(plane, removal);
  const parts = store === undefined ? 0 : await removeObjects(store, removal);
  if (copies.left > 0) throw copies.reason;
  // Another sweep may have done the same at the same time.
  if (!(await catalog.finishRemoval(backupId))) return;
  log.info(
    { backup: backupId, service: serviceId, reason, bytes: storedBytes, parts },
    'A backup was removed.',
  );
}

async function removeCopies(
  plane: Plane,
  { backupId, copies }: RemovalRecord,
  away: Set<string>,
): Promise<{ left: number; reason: Error }> {
  const left: string[] = [];
  let reason = new Error('Its copies could not be removed.');
  for (const location of copies) {
    const store = plane.copies.get(location);
    if (!store) {
      plane.log.warn(
        { backup: backupId, location },
        'The settings do not name the location of a copy any more: what lies there is left alone.',
      );
      continue;
    }
    try {
      if (away.has(location)) throw new Error(`${location} did not answer a moment ago.`);
      await within(copyMs, store.location, (signal) => removeBackup(store, backupId, signal));
    } catch (error) {
      away.add(location);
      left.push(location);
      reason = new Error(`The copy in ${location} could not be removed: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  if (left.length < copies.length) await plane.catalog.updateRemoval(backupId, left);
  return { left: left.length, reason };
}

/** Undefined for a customer's bucket of which nothing is known any more. */
async function storeOfRemoval(
  plane: Plane,
  { backupId, bucketId }: RemovalRecord,
): Promise<ObjectStore | undefined> {
  if (bucketId === undefined) return plane.store;
  const store = await storeOfBucket(plane, bucketId);
  if (store) return store;
  plane.log.warn(
    { backup: backupId },
    'Nothing is known any more of the bucket of a backup that was deleted: what lies there is left alone.',
  );
  return undefined;
}

/** @returns how many parts were removed */
async function removeObjects(
  store: ObjectStore,
  { backupId, bucketId, whole }: RemovalRecord,
): Promise<number> {
  try {
    return whole ? await removeBackup(store, backupId) : (await removeParts(store, backupId)).removed;
  } catch (error) {
    // A customer who has deleted the bucket has deleted the backup.
    const gone = bucketId !== undefined && error instanceof TidemarkError && error.code === 'bucket_missing';
    if (gone) return 0;
    throw error;
  }
}
