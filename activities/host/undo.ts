/** Undoing a restore on its host. */
import { rm } from 'node:fs/promises';
import { inspectUndo, type UndoPlace, undoRestore } from '../../mariadb/cutover/undo.ts';
import { replicasOf } from '../../mariadb/cutover/replicas.ts';
import { forgetSeen } from '../../mariadb/follow/seen.ts';
import { saveTail } from '../../mariadb/follow/tail.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { endLineage } from '../../mariadb/server/lineage.ts';
import { startOf } from '../../domain/progress.ts';
import { beating } from '../heartbeat.ts';
import { attempt } from './attempt.ts';
import type { HostControlActivities, HostUndoInput } from './contract.ts';
import type { Host } from './host.ts';
import { operationOf } from './site.ts';

export function undoActivities(host: Host): Pick<HostControlActivities, 'inspectUndo' | 'undoRestore'> {
  const { log, settings } = host;
  const stateDirectory = settings.state_directory;
  const spoolSize = settings.binlog.spool_size;
  return {
    inspectUndo: (order) => beating(async () => inspectUndo(await placeOf(host, order))),

    async undoRestore({ undoId, force, ...order }) {
      // Half a swap is worse than a late answer: it is not stopped in its middle.
      const whole = { operation: operationOf(order), phase: 'cutting_over', uninterruptible: true } as const;
      const report = await attempt(host, whole, async (trial) => {
        trial.report(startOf('cutting_over'));
        const place = await placeOf(host, order);
        const replicas = await replicasOf(place.server, log);
        const result = await host.following.pausedWhile(() =>
          undoRestore({
            ...place,
            undoId,
            force,
            log,
            saveTail: () => saveTail({ stateDirectory, layout: place.layout, spoolSize, log }),
            // What is there next is another life of the data.
            async beforeMoves() {
              await endLineage(stateDirectory);
              await forgetSeen(stateDirectory);
            },
          }),
        );
        await rm(trial.folder, { recursive: true, force: true });
        return { ...result, replicas };
      });
      // What was restored goes while the server is not held, and its binlog is followed.
      host.tidyNow?.();
      return report;
    },
  };
}

async function placeOf({ settings }: Host, { restoreId, workflowId }: HostUndoInput): Promise<UndoPlace> {
  const { server, state_directory: stateDirectory } = settings;
  return { server, stateDirectory, restoreId, workflowId, layout: await inspectLayout(server) };
}
