/**
 * What lies in the store held against the catalog, now and then: each object without a row, and each row without an
 * object, is settled and told. What would take something away is done only when it was found twice, with the grace
 * between: a listing may be of a moment in which somebody is at work. When it was looked, and what was found, is in the
 * catalog: any control worker goes on with it.
 */
import type { ServiceRecord } from '../../catalog/types.ts';
import { messageOf } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { objectExists } from '../../storage/exists.ts';
import { compareBackups } from './object-backups.ts';
import { compareBinlogs } from './object-binlogs.ts';
import { type Look, ObjectLook } from './object-looks.ts';
import type { Plane } from './plane.ts';
import { isUnconfirmed } from './removals.ts';

/**
 * Looks at every service whose turn it is, for as long as retention has between two sweeps: whoever is left comes first
 * after the next one. One that cannot be looked at keeps no other from it, however long it takes: it comes behind them.
 *
 * @param now Unix milliseconds
 * @param failed whose last look failed, the latest last; kept by the caller from one sweep to the next
 * @returns whether nobody is left but those that failed
 */
export async function compareAllObjects(
  plane: Plane,
  now: number,
  { signal, failed }: { signal: AbortSignal; failed: Set<string> },
): Promise<boolean> {
  const { catalog, log, objectsIntervalMs, retention } = plane;
  const end = Date.now() + retention.intervalMs;
  const times = { before: timeOf(now - objectsIntervalMs), now: timeOf(now) };
  for (const serviceId of inTurn(await catalog.servicesToLookAt(times), failed)) {
    signal.throwIfAborted();
    // From the first that failed on there are no others.
    if (Date.now() > end) return failed.has(serviceId);
    // Until then everything that others wrote would seem to be too much.
    if (await isUnconfirmed(plane)) return true;
    try {
      const service = await catalog.findService(serviceId);
      if (service) await compareObjects({ plane, service, now, signal });
      failed.delete(serviceId);
    } catch (error) {
      failed.delete(serviceId);
      failed.add(serviceId);
      log.error(
        { service: serviceId, reason: messageOf(error) },
        'What lies in the store could not be held against the catalog; trying again.',
      );
    }
  }
  return true;
}

/** Those that failed behind the others, the one that failed longest ago first. */
function inTurn(waiting: readonly string[], failed: ReadonlySet<string>): string[] {
  const all = new Set(waiting);
  return [
    ...waiting.filter((serviceId) => !failed.has(serviceId)),
    ...[...failed].filter((serviceId) => all.has(serviceId)),
  ];
}

/**
 * One look at one service.
 *
 * @param turn.now Unix milliseconds
 * @throws storage_unavailable, catalog_unavailable: then it was none, and the next one goes on from the one before
 */
export async function compareObjects(turn: {
  plane: Plane;
  service: ServiceRecord;
  now: number;
  signal: AbortSignal;
}): Promise<void> {
  const { plane, service, signal } = turn;
  const { catalog, store, log } = plane;
  const { serviceId } = service;
  const lookedAt = timeOf(turn.now);
  const look = new ObjectLook(await catalog.objectFindings(serviceId), lookedAt);
  const mark = objectKeys.deployment(await catalog.deploymentId());
  // In a place that is not ours everything would be missing.
  if (await objectExists(store, mark)) await compare({ plane, service, look, signal });
  else {
    log.warn(
      { service: serviceId, storage: store.location },
      'The storage is not known to be that of this deployment: its objects are not compared with the catalog.',
    );
  }
  await catalog.endObjectLook(serviceId, { lookedAt, findings: look.findings });
}

async function compare(look: Look): Promise<void> {
  await compareBackups(look);
  await compareBinlogs(look);
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
