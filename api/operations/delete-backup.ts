/** DELETE /backups/{id}: removes one backup, unless another one depends on it. */
import { z } from '@hono/zod-openapi';
import { findBackup } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { backupId } from '../schemas/backup.ts';
import { flag } from '../schemas/common.ts';

export const deleteBackup = operation({
  name: 'deleteBackup',
  method: 'delete',
  path: '/backups/{id}',
  summary: 'Delete a backup',
  description:
    'Removes a backup and what is stored of it; refused while another backup depends on it. Not available yet.',
  role: 'administrator',
  params: backupId,
  query: z.strictObject({
    cascade: flag.openapi({ description: 'Also removes the backups that depend on it' }),
    dry_run: flag.openapi({ description: 'Only tells what would be removed' }),
  }),
  answer: z
    .strictObject({
      removed: z
        .array(z.string())
        .openapi({ description: 'Ids of the backups that were, or with dry_run would be, removed' }),
    })
    .openapi('RemovedBackups'),
  errors: ['backup_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findBackup(catalog, id, organization);
    throw notAvailable('Deleting one backup is not available yet.', 'Nothing was removed.');
  },
});
