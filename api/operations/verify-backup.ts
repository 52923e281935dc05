/** POST /backups/{id}/verify: reads the stored objects back and checks every digest. */
import { findBackup } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { backupId } from '../schemas/backup.ts';
import { nothing } from '../schemas/common.ts';
import { verification } from '../schemas/verification.ts';

export const verifyBackup = operation({
  name: 'verifyBackup',
  method: 'post',
  path: '/backups/{id}/verify',
  summary: 'Verify a backup',
  description: 'Reads the stored objects back and checks every digest. Not available yet.',
  role: 'administrator',
  params: backupId,
  query: nothing,
  answer: verification,
  errors: ['backup_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findBackup(catalog, id, organization);
    throw notAvailable(
      'Verifying a backup is not available yet.',
      'A restore with "mode": "in-place" checks every object before it changes anything, a side-by-side one while it fetches.',
    );
  },
});
