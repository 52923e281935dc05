/** Removing what is stored of a backup that has left the catalog: in every place that it lies in. */
import type { RemovalRecord } from '../../catalog/retention-types.ts';
import { messageOf } from '../../domain/errors.ts';
import { within } from '../../storage/network/within.ts';
import { removeBackup } from '../../storage/remove.ts';
import { removeParts } from '../../storage/sweep.ts';
import { endCopying } from './copies.ts';
import type { Plane } from './plane.ts';

/** How long a further location may take. One that is away now is asked again by the next sweep. */
const copyMs = 60_000;

/**
 * Removes the objects of one backup. Again after a kill, it goes on where it stopped. A place that is away keeps the
 * others from nothing.
 *
 * @param away locations that did not answer earlier in this sweep: they are not asked again, and added to
 * @throws the first of what went wrong; the rest is logged
 */
export async function carryOut(plane: Plane, removal: RemovalRecord, away: Set<string>): Promise<void> {
  const { catalog, store, log } = plane;
  const { backupId, serviceId, whole, storedBytes, reason } = removal;
  if (removal.copies.length > 0) await endCopying(plane, backupId);
  const copies = await removeCopies(plane, removal, away);
  const parts = whole ? await removeBackup(store, backupId) : (await removeParts(store, backupId)).removed;
  if (copies.left > 0) throw copies.reason;
  await catalog.finishRemoval(backupId);
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
