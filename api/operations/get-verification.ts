/** GET /backups/{id}/verify: the latest result of a verification. */
import { TidemarkError } from '../../domain/errors.ts';
import { findBackup } from '../find.ts';
import { operation } from '../operation.ts';
import { backupId } from '../schemas/backup.ts';
import { nothing } from '../schemas/common.ts';
import { verification } from '../schemas/verification.ts';
import { verificationView } from '../views/verification.ts';

export const getVerification = operation({
  name: 'getVerification',
  method: 'get',
  path: '/backups/{id}/verify',
  summary: "Get a backup's latest verification",
  description:
    'The latest result of reading its stored objects back; while they are being read, how far that is.',
  role: 'viewer',
  params: backupId,
  query: nothing,
  answer: verification,
  errors: ['backup_not_found', 'verification_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog, progress }) {
    await findBackup(catalog, id, organization);
    const record = await catalog.findVerification(id);
    if (record) return verificationView(await progress.ofVerification(record));
    throw new TidemarkError(
      'verification_not_found',
      `The backup "${id}" was not verified yet. POST /backups/${id}/verify reads it back.`,
    );
  },
});
