/** POST /backups/{id}/verify: reads the stored objects back and checks every digest. */
import { randomBytes } from 'node:crypto';
import { TidemarkError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { findBackup } from '../find.ts';
import { operation } from '../operation.ts';
import { backupId } from '../schemas/backup.ts';
import { nothing } from '../schemas/common.ts';
import { verification } from '../schemas/verification.ts';
import { verificationView } from '../views/verification.ts';

export const verifyBackup = operation({
  name: 'verifyBackup',
  method: 'post',
  path: '/backups/{id}/verify',
  summary: 'Verify a backup',
  description:
    'Reads the stored objects of a backup, and of those that it builds on, back and compares every one with its digest. Nothing is decrypted, no service is held up, and all damage is found, not the first alone. While a verification of the backup has not ended, that one is answered and no other begun. How it goes, and what came of it: `GET /backups/{id}/verify`.',
  role: 'administrator',
  params: backupId,
  query: nothing,
  answer: verification,
  errors: ['backup_not_found', 'backup_not_restorable', 'temporal_unavailable'],
  async handle({ params: { id }, caller: { organization }, receipt }, { catalog, orders }) {
    const backup = await findBackup(catalog, id, organization);
    if (backup.status !== 'Succeeded') {
      throw new TidemarkError(
        'backup_not_restorable',
        `The backup "${backup.id}" is ${backup.status}: ${backup.message} Only one that Succeeded can be verified.`,
      );
    }
    await orders.ensureReachable();
    const record = await catalog.beginVerification({
      backup,
      workflowId: workflowIds.verification(id, randomBytes(4).toString('hex')),
      message: 'The verification is scheduled.',
      receipt: receipt(verificationView),
    });
    const { workflowId, serviceId } = record;
    await orders.verification({ workflowId, backupId: id, serviceId, timings: orders.timings });
    return verificationView(record);
  },
});
