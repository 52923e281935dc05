/**
 * What lies in the store held against the catalog, now and then: each object without a row, and each row without an
 * object, is settled and told. What would take something away is done only when it was found twice, with the grace
 * between: a listing may be of a moment in which somebody is at work.
 */
import { objectKeys } from '../../domain/ids.ts';
import { objectExists } from '../../storage/exists.ts';
import { compareBackups } from './object-backups.ts';
import { compareBinlogs } from './object-binlogs.ts';
import type { Look } from './object-looks.ts';

/** @throws storage_unavailable, catalog_unavailable */
export async function compareObjects(look: Look): Promise<void> {
  const { plane, service } = look;
  const mark = objectKeys.deployment(await plane.catalog.deploymentId());
  // In a place that is not ours everything would be missing.
  if (!(await objectExists(plane.store, mark))) {
    const { location } = plane.store;
    plane.log.warn(
      { service: service.serviceId, storage: location },
      'The storage is not known to be that of this deployment: its objects are not compared with the catalog.',
    );
    return;
  }
  await compareBackups(look);
  await compareBinlogs(look);
}
