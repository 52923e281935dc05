/** Reading a backup back, and its verification in the catalog. */
import { Context } from '@temporalio/activity';
import { TidemarkError } from '../../domain/errors.ts';
import { isFinal } from '../../domain/operations.ts';
import { advance, measure, type Progress, startOf } from '../../domain/progress.ts';
import { examinePlaces } from '../../storage/examine-places.ts';
import type { ControlActivities, ControlBulkActivities } from './contract.ts';
import { remakeDamaged } from './copies.ts';
import { placesOf } from './links.ts';
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
        const backup = await catalog.findBackup(backupId);
        if (!backup) throw removed(backupId);
        const stores = (await placesOf(plane, backup)).map(({ store }) => store);
        const examination = await examinePlaces(stores, backupId, {
          signal: context.cancellationSignal,
          known: async (id) => {
            const known = await catalog.findBackup(id);
            if (!known && id === backupId) throw removed(backupId);
            return {
              parent: known?.parentBackup ?? '',
              ...(known && known.manifestSha256 !== '' && { manifestSha256: known.manifestSha256 }),
            };
          },
          onProgress: (done, total) => {
            shown = advance(shown, measure('reading', done, total, Date.now() - begun));
          },
        });
        const { objectsCount, bytesRead, damagedCount } = examination;
        const fields = { backup: backupId, objects: objectsCount, bytes: bytesRead, damaged: damagedCount };
        await remakeDamaged(plane, examination.damaged);
        if (damagedCount > 0) log.warn(fields, 'A backup is damaged.');
        else log.info(fields, 'A backup was read back and is whole.');
        return examination;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

function removed(backupId: string): TidemarkError {
  return new TidemarkError('backup_not_found', `The backup "${backupId}" was removed meanwhile.`);
}
