/** Removing what is stored of a backup that has left the catalog: in every place that it lies in. */
import { Context } from '@temporalio/activity';
import type { AuditEnd, AuditIntent } from '../../catalog/request-types.ts';
import type { RemovalRecord } from '../../catalog/retention-types.ts';
import { managedStorage } from '../../domain/copies.ts';
import { type ErrorName, messageOf, TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { within } from '../../storage/network/within.ts';
import { removeBackup } from '../../storage/remove.ts';
import { isPassing } from '../../storage/store.ts';
import { startRemovals } from '../../temporal/start.ts';
import { beating } from '../heartbeat.ts';
import { storeOfBucket } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import { endCopying } from './copies.ts';
import { openWriter } from './places.ts';
import type { Plane } from './plane.ts';

/** How long a place that is not the deployment's main one may take. One that is away now is asked again by the next sweep. */
const elsewhereMs = 60_000;
/** How long a customer's bucket may refuse a removal before what lies there is left to the customer. */
const refusedMs = 7 * 86_400_000;

/** What no waiting mends, only somebody who changes the bucket or its credentials. */
const refusals: ReadonlySet<ErrorName> = new Set([
  'storage_forbidden',
  'storage_credentials_refused',
  'bucket_region_wrong',
  'endpoint_refused',
]);

export function removalActivities(plane: Plane): Pick<ControlActivities, 'removeDeleted'> {
  return {
    async removeDeleted() {
      return await beating(() => removeAll(plane, Context.current().cancellationSignal));
    },
  };
}

/** @returns how many could not be removed; each is logged */
async function removeAll(plane: Plane, signal: AbortSignal): Promise<{ left: number }> {
  const removals = ownFirst(await plane.catalog.listRemovals());
  let left = 0;
  const away = new Set<string>();
  for (const removal of removals) {
    signal.throwIfAborted();
    try {
      if (await isUnconfirmed(plane)) return { left: removals.length };
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

/** Buckets of customers last: they may be away, and nobody else is to wait for that. */
function ownFirst(removals: readonly RemovalRecord[]): RemovalRecord[] {
  return removals.toSorted((a, b) => Number(a.bucketId !== undefined) - Number(b.bucketId !== undefined));
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
 * @throws when a workflow may still have it written; the first of what went wrong, the rest is logged
 */
export async function carryOut(plane: Plane, removal: RemovalRecord, away: Set<string>): Promise<void> {
  const { catalog, log } = plane;
  const { backupId, serviceId, scheduleId, storedBytes, reason } = removal;
  const writer = removal.whole ? undefined : await openWriter(plane, backupId, scheduleId);
  if (writer !== undefined) throw new Error(`The workflow ${writer} has not ended, and may have it written.`);
  if (removal.copies.length > 0) await endCopying(plane, backupId);
  const copies = await removeCopies(plane, removal, away);
  const stored = await removeStored(plane, removal, away);
  if (copies.left > 0) throw copies.reason;
  const told = 'left' in stored ? leftEntry(removal, stored.left.code) : undefined;
  // Another sweep may have done the same at the same time.
  if (!(await catalog.finishRemoval(backupId, told))) return;
  const about = { backup: backupId, service: serviceId, reason, bytes: storedBytes };
  if ('left' in stored) {
    const { location, why } = stored.left;
    const fields = { ...about, storage: location, folder: objectKeys.backupFolder(backupId), why };
    log.warn(
      fields,
      'A backup was taken off the lists, and its objects are left in the bucket of the customer.',
    );
  } else log.info({ ...about, parts: stored.parts }, 'A backup was removed.');
}

/** What became of the objects of a backup: so many parts were removed, or they stay where they are. */
type Removed = { parts: number } | { left: { location: string; code: ErrorName; why: string } };

/** Whoever deleted it was told that it is removed: the audit says what came of that. */
function leftEntry(
  { organization, serviceId, backupId }: RemovalRecord,
  error: ErrorName,
): { entry: AuditIntent; end: AuditEnd } {
  const { status } = new TidemarkError(error, '');
  const [serviceIds, recordIds] = [[serviceId], [backupId]];
  return {
    entry: {
      organization,
      operation: 'deleteBackup',
      method: 'DELETE',
      path: `/skybackup/v1/backups/${backupId}`,
      subject: 'tidemark',
      how: 'deployment',
      address: '',
      requestId: '',
      serviceIds,
      recordIds,
    },
    end: { outcome: status < 500 ? 'refused' : 'failed', status, error, serviceIds, recordIds },
  };
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
      await within(elsewhereMs, store.location, (signal) => removeBackup(store, backupId, signal));
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

/**
 * Removes what lies in the managed storage, or in the customer's bucket: with its manifest, to which also one that is
 * recorded as failed may have come.
 *
 */
async function removeStored(plane: Plane, removal: RemovalRecord, away: Set<string>): Promise<Removed> {
  const { bucketId } = removal;
  const place = bucketId === undefined ? managedStorage : `bucket ${bucketId}`;
  if (away.has(place)) throw new Error('The store did not answer a moment ago.');
  try {
    if (bucketId === undefined) return { parts: await removeBackup(plane.store, removal.backupId) };
    return await removeFromBucket(plane, removal, bucketId);
  } catch (error) {
    if (isPassing(error)) away.add(place);
    throw error;
  }
}

/** What cannot be removed for good is left there: it is the customer's. */
async function removeFromBucket(
  plane: Plane,
  { backupId, beganAt }: RemovalRecord,
  bucketId: string,
): Promise<Removed> {
  let location = '';
  try {
    const store = await storeOfBucket(plane, bucketId);
    if (!store) {
      const why = 'Nothing is known any more of the bucket, nor of its credentials.';
      return { left: { location, code: 'storage_credentials_refused', why } };
    }
    ({ location } = store);
    const remove = (signal: AbortSignal): Promise<number> => removeBackup(store, backupId, signal);
    return { parts: await within(elsewhereMs, location, remove) };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    // A customer who has deleted the bucket has deleted the backup.
    if (error.code === 'bucket_missing') return { parts: 0 };
    const lasts = Date.now() - Date.parse(beganAt) > refusedMs;
    if (!lasts || !refusals.has(error.code)) throw error;
    return { left: { location, code: error.code, why: error.message } };
  }
}
