/**
 * Finds what a request names. What does not exist and what belongs to another organization is refused in the same
 * words, so that nobody learns of the one from the other.
 */
import type { ScheduleRecord } from '../catalog/schedule-types.ts';
import type { BackupRecord, Catalog, RestoreRecord, ServiceRecord } from '../catalog/types.ts';
import { TidemarkError } from '../domain/errors.ts';
import { isServiceId, parseBackupId } from '../domain/ids.ts';

/** @throws service_not_found */
export async function findService(
  catalog: Catalog,
  id: string,
  organization: string,
): Promise<ServiceRecord> {
  const record = isServiceId(id) ? await catalog.findService(id, organization) : undefined;
  if (record) return record;
  throw new TidemarkError(
    'service_not_found',
    `There is no service "${id.slice(0, 250)}". GET /services lists those there are.`,
  );
}

/** @throws backup_not_found */
export async function findBackup(catalog: Catalog, id: string, organization: string): Promise<BackupRecord> {
  const record = parseBackupId(id) ? await catalog.findBackup(id, organization) : undefined;
  if (record) return record;
  throw new TidemarkError(
    'backup_not_found',
    `There is no backup "${id.slice(0, 250)}". GET /backups lists those there are.`,
  );
}

/** @throws restore_not_found */
export async function findRestore(
  catalog: Catalog,
  id: number,
  organization: string,
): Promise<RestoreRecord> {
  const record = await catalog.findRestore(id, organization);
  if (record) return record;
  throw new TidemarkError(
    'restore_not_found',
    `There is no restore ${id}. GET /restores lists those there are.`,
  );
}

/** @throws schedule_not_found */
export async function findSchedule(
  catalog: Catalog,
  id: number,
  organization: string,
): Promise<ScheduleRecord> {
  const record = await catalog.findSchedule(id, organization);
  if (record) return record;
  throw noSchedule(id);
}

/** Also for one that was deleted since it was found. */
export function noSchedule(id: number): TidemarkError {
  return new TidemarkError(
    'schedule_not_found',
    `There is no schedule ${id}. GET /backups/schedules lists those there are.`,
  );
}
