/**
 * GET /backups/{id}: a service's backups, or one backup. The two share a path: a backup's id has two colons, a
 * service's none.
 */
import { z } from '@hono/zod-openapi';
import type { Parts } from '../context.ts';
import { findBackup, findService } from '../find.ts';
import { operation } from '../operation.ts';
import { backup, backupFilter, backupList, type BackupView } from '../schemas/backup.ts';
import { paging, serviceFilter } from '../schemas/common.ts';
import { backupView, copiesOf } from '../views/backup.ts';
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
  query: z.strictObject({ ...paging, service_id: serviceFilter, ...backupFilter }),
  answer: z.union([backupList, backup]),
  errors: ['service_not_found', 'backup_not_found'],
  async handle({ params: { id }, query, caller: { organization } }, parts) {
    if (id.includes(':')) return oneBackup(id, organization, parts);
    await findService(parts.catalog, id, organization);
    // As in the list of all: of two filters that exclude each other nothing is left.
    if ((query.service_id ?? id) !== id) return { backups: [], backups_count: 0, pages_count: 0 };
    return backupPage(parts, organization, { ...query, service_id: id });
  },
});

async function oneBackup(id: string, organization: string, parts: Parts): Promise<BackupView> {
  const record = await parts.progress.ofBackup(await findBackup(parts.catalog, id, organization));
  return backupView(record, (await copiesOf(parts, [record])).get(id));
}
