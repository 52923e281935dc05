/** GET /backups/{id}/verify: the latest result of a verification. */
import { findBackup } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { backupId } from '../schemas/backup.ts';
import { nothing } from '../schemas/common.ts';
import { verification } from '../schemas/verification.ts';

export const getVerification = operation({
  name: 'getVerification',
  method: 'get',
  path: '/backups/{id}/verify',
  summary: "Get a backup's latest verification",
  description: 'The latest result of reading its stored objects back. Not available yet.',
  role: 'viewer',
  params: backupId,
  query: nothing,
  answer: verification,
  errors: ['backup_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findBackup(catalog, id, organization);
    throw notAvailable(
      'Verifying a backup is not available yet.',
      `GET /backups/${id} tells what is known of it.`,
    );
  },
});
