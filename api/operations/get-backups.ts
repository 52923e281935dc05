/**
 * GET /backups/{id}: a service's backups, or one backup. The two share a path: a backup's id has two colons, a
 * service's none.
 */
import { z } from '@hono/zod-openapi';
import type { BackupRecord, Catalog } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { isServiceId, parseBackupId } from '../../domain/ids.ts';
import type { Parts } from '../context.ts';
import { operation } from '../operation.ts';
import { backup, backupFilter, backupList, type BackupView } from '../schemas/backup.ts';
import { paging } from '../schemas/common.ts';
import { backupView } from '../views/backup.ts';
import { backupPage } from './list-backups.ts';

export const getBackups = operation({
  name: 'getBackups',
  method: 'get',
  path: '/backups/{id}',
  summary: "Get a service's backups, or one backup",
  description:
    "With a service id: its backups, paged. With a backup id, which has two colons: that backup, with its progress while it runs; the query parameters don't apply to it.",
  role: 'viewer',
  params: z.strictObject({ id: z.string().openapi({ description: 'A service id or a backup id' }) }),
  query: z.strictObject({ ...paging, ...backupFilter }),
  answer: z.union([backupList, backup]),
  errors: ['service_not_found', 'backup_not_found'],
  async handle({ params: { id }, query, caller: { organization } }, parts) {
    if (id.includes(':')) return oneBackup(id, organization, parts);
    const service = isServiceId(id) ? await parts.catalog.findService(id, organization) : undefined;
    if (!service) throw noService(id);
    return backupPage(parts.catalog, organization, { ...query, service_id: id });
  },
});

async function oneBackup(id: string, organization: string, parts: Parts): Promise<BackupView> {
  return backupView(await parts.progress.ofBackup(await findBackup(parts.catalog, id, organization)));
}

/** @throws backup_not_found, also for a backup of another organization */
export async function findBackup(catalog: Catalog, id: string, organization: string): Promise<BackupRecord> {
  const record = parseBackupId(id) ? await catalog.findBackup(id, organization) : undefined;
  if (record) return record;
  throw new TidemarkError(
    'backup_not_found',
    `There is no backup "${id.slice(0, 250)}". GET /backups lists those there are.`,
  );
}

/** The same words for a service that is unknown and for one that is another organization's. */
export function noService(id: string): TidemarkError {
  return new TidemarkError(
    'service_not_found',
    `There is no service "${id.slice(0, 250)}". GET /services lists those there are.`,
  );
}
