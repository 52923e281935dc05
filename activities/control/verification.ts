/** Reading a backup back, and its verification in the catalog. */
import { Context } from '@temporalio/activity';
import { TidemarkError } from '../../domain/errors.ts';
import { isFinal } from '../../domain/operations.ts';
import { advance, measure, type Progress, startOf } from '../../domain/progress.ts';
import { examineBackup } from '../../storage/examine.ts';
import { storeOf } from './buckets.ts';
import type { ControlActivities, ControlBulkActivities } from './contract.ts';
import type { Plane } from './plane.ts';

const beatMs = 1_000;

export function verificationActivities({ catalog }: Plane): Pick<ControlActivities, 'updateVerification'> {
  return {
    async updateVerification({ workflowId, ...patch }) {
      const finishedAt = isFinal(patch.status) ? new Date().toISOString() : undefined;
      await catalog.updateVerification(workflowId, { ...patch, ...(finishedAt && { finishedAt }) });
    },
  };
}

/** For the workers of the queue for long work. */
export function verificationBulkActivities(plane: Plane): Pick<ControlBulkActivities, 'examineBackup'> {
  const { catalog, log } = plane;
  return {
    async examineBackup({ backupId }) {
      const context = Context.current();
      const begun = Date.now();
      // Where an earlier attempt got: figures never go back.
      let shown = advance(context.info.heartbeatDetails as Progress | undefined, startOf('reading'));
      const beat = (): void => context.heartbeat(shown);
      beat();
      const timer = setInterval(beat, beatMs);
      try {
        const store = await storeOf(plane, backupId);
        const examination = await examineBackup(store, backupId, {
          signal: context.cancellationSignal,
          known: async (id) => {
            const backup = await catalog.findBackup(id);
            if (!backup && id === backupId)
              throw new TidemarkError('backup_not_found', `The backup "${id}" was removed meanwhile.`);
            return {
              parent: backup?.parentBackup ?? '',
              ...(backup && backup.manifestSha256 !== '' && { manifestSha256: backup.manifestSha256 }),
            };
          },
          onProgress: (done, total) => {
            shown = advance(shown, measure('reading', done, total, Date.now() - begun));
          },
        });
        const { objectsCount, bytesRead, damagedCount } = examination;
        const fields = { backup: backupId, objects: objectsCount, bytes: bytesRead, damaged: damagedCount };
        if (damagedCount > 0) log.warn(fields, 'A backup is damaged.');
        else log.info(fields, 'A backup was read back and is whole.');
        return examination;
      } finally {
        clearInterval(timer);
      }
    },
  };
}
