/** POST /backups/status: the backups of a service, asked for as the vendor's own scripts do. */
import { z } from '@hono/zod-openapi';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { backupFilter, backupList } from '../schemas/backup.ts';
import { nothing, paging, text } from '../schemas/common.ts';
import { backupPage } from './list-backups.ts';

export const getBackupStatus = operation({
  name: 'getBackupStatus',
  method: 'post',
  reads: true,
  path: '/backups/status',
  summary: "List a service's backups, by a body",
  description: 'The same list as `GET /backups/{service_id}`. It changes nothing.',
  role: 'viewer',
  params: nothing,
  query: z.strictObject({ ...paging, ...backupFilter }),
  body: z.strictObject({ service_id: text('a service id') }).openapi('BackupStatusRequest'),
  example: { service_id: 'sample-1' },
  answer: backupList,
  errors: ['service_not_found'],
  async handle({ body, query, caller: { organization } }, parts) {
    const { service_id: id } = body;
    await findService(parts.catalog, id, organization);
    return backupPage(parts, organization, { ...query, service_id: id });
  },
});
