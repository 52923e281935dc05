/** A verification's record as the API shows it. */
import type { VerificationRecord } from '../../catalog/verification-types.ts';
import type { VerificationView } from '../schemas/verification.ts';
import { given, wholeSeconds } from './format.ts';
import { progressView } from './progress.ts';

export function verificationView(record: VerificationRecord): VerificationView {
  return {
    backup_id: record.backupId,
    status: record.status,
    message: record.message,
    started_at: wholeSeconds(record.createdAt),
    ...given('finished_at', record.finishedAt && wholeSeconds(record.finishedAt)),
    objects_count: record.objectsCount,
    bytes_read: record.bytesRead,
    damaged_count: record.damagedCount,
    damaged: record.damaged.map(({ backupId, object, finding, location }) => ({
      backup_id: backupId,
      object,
      ...given('location', location),
      finding,
    })),
    ...given('progress', record.progress && progressView(record.progress)),
  };
}
