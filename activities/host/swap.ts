/** The moments in which the server does not serve: the cut-over, its undoing, and the steps of a restore in place. */
import { rm } from 'node:fs/promises';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { dataDirectory } from '../../domain/layout.ts';
import { startOf } from '../../domain/progress.ts';
import { type CutOverOptions, cutOver } from '../../mariadb/cutover/cut-over.ts';
import { lowerGuard } from '../../mariadb/cutover/guard.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { replicasOf } from '../../mariadb/cutover/replicas.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { lowerPacket } from '../../mariadb/dump/packet.ts';
import { noteEnd, noteRestore } from '../../mariadb/follow/restored.ts';
import { forgetSeen } from '../../mariadb/follow/seen.ts';
import { binlogEnd, saveTail } from '../../mariadb/follow/tail.ts';
import { beginInPlace, emptyData } from '../../mariadb/restore/in-place.ts';
import { closeInPlace } from '../../mariadb/restore/in-place-record.ts';
import { endLineage } from '../../mariadb/server/lineage.ts';
import { startServer, stopServer } from '../../mariadb/server/lifecycle.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import { attempt, type AttemptOptions } from './attempt.ts';
import type { HostControlActivities, HostRestoreInput, PutBackResult } from './contract.ts';
import type { Host } from './host.ts';
import { manifestOf } from './kept-manifest.ts';
import { branchOf } from './replay.ts';
import { enterSite, operationOf } from './site.ts';

type SwapActivities = Pick<
  HostControlActivities,
  'cutOver' | 'putBack' | 'stopServer' | 'emptyData' | 'startServer'
>;

export function swapActivities(host: Host): SwapActivities {
  /** Half a swap is worse than a late answer: none of these is stopped in its middle. */
  const whole = (order: HostRestoreInput, phase: AttemptOptions['phase']): AttemptOptions => ({
    operation: operationOf(order),
    phase,
    uninterruptible: true,
  });
  return {
    async cutOver(order) {
      return await attempt(host, whole(order, 'cutting_over'), async (trial) => {
        trial.report(startOf('cutting_over'));
        const swap = await swapOf(host, order);
        const replicas = await replicasOf(swap.server, host.log);
        const result = await host.following.pausedWhile(async () => {
          await noteReplacement(host, order, trial);
          return await cutOver(swap);
        });
        await rm(trial.folder, { recursive: true, force: true });
        return { ...result, replicas };
      });
    },

    async putBack(order) {
      return await attempt(host, whole(order, 'cutting_over'), async (trial) => {
        const swap = await swapOf(host, order);
        const result = await host.following.pausedWhile(() => putBackUntilItWorks(swap));
        // Of one that was ended while it loaded a dump into the running server.
        await lowerPacket(swap.server, trial.folder).catch((error: unknown) => {
          const reason = messageOf(error);
          host.log.warn({ reason }, 'max_allowed_packet of the server stays at 1 GiB until it starts anew.');
        });
        await rm(trial.folder, { recursive: true, force: true });
        return result;
      });
    },

    async stopServer(order) {
      await attempt(host, whole(order, 'stopping'), async () => {
        const swap = await swapOf(host, order);
        await beginInPlace(swap);
        await host.following.pausedWhile(async () => {
          await stopServer(swap.server, { fast: true, log: host.log });
          await swap.onStopped?.();
        });
      });
    },

    async emptyData(order) {
      await attempt(host, whole(order, 'stopping'), async (trial) => {
        const swap = await swapOf(host, order);
        const owner = await serverOwner(swap.server, dataDirectory(swap.layout));
        // Of one that is refused, nothing may be told: its server goes on with the data and the binlog that it has.
        const beforeRemoval = async (): Promise<void> =>
          await noteReplacement(host, order, trial, await binlogEnd(swap.layout));
        await emptyData({ ...swap, owner, beforeRemoval });
      });
    },

    async startServer(order) {
      await attempt(host, whole(order, 'cutting_over'), async (trial) => {
        const { server, stateDirectory, log } = await swapOf(host, order);
        if (order.replay) await noteReplacement(host, order, trial);
        await lowerGuard(stateDirectory);
        await startServer(server, { log });
        await closeInPlace(stateDirectory);
        await rm(trial.folder, { recursive: true, force: true });
      });
    },
  };
}

/**
 * What is there next is another life of the data, and where it comes from is for whoever follows the binlog.
 *
 * @param replaced where the binlog of what was there ends; left out where that is told otherwise
 */
async function noteReplacement(
  host: Host,
  order: HostRestoreInput,
  { folder }: Attempt,
  replaced?: BinlogPoint,
): Promise<void> {
  const { service_id: serviceId, state_directory: stateDirectory } = host.settings;
  const { restoreId, workflowId, mode } = order;
  const { binlog, lineage, ...manifest } = await manifestOf(host, order, folder);
  const own = manifest.serviceId === serviceId;
  // In place, it is not known yet when the old data goes.
  const branch = order.replay
    ? await branchOf(folder)
    : binlog && { place: binlog, timeline: lineage.timeline };
  await noteRestore(stateDirectory, {
    restoreId,
    workflowId,
    mode,
    ...(replaced && { replaced }),
    ...(own &&
      branch && {
        branch: branch.place,
        ...(branch.timeline !== undefined && { timeline: branch.timeline }),
      }),
  });
  await endLineage(stateDirectory);
  await forgetSeen(stateDirectory);
}

async function swapOf(host: Host, order: HostRestoreInput): Promise<CutOverOptions> {
  const { layout, staging } = await enterSite(host, order);
  const { log, settings } = host;
  const { state_directory: stateDirectory } = settings;
  const spoolSize = settings.binlog.spool_size;
  return {
    server: settings.server,
    stateDirectory,
    restoreId: order.restoreId,
    workflowId: order.workflowId,
    layout,
    staging,
    keepPreviousMs: order.keepPreviousMs ?? settings.restore.keep_previous,
    log,
    onStopped: async () => {
      await saveTail({ stateDirectory, layout, spoolSize, log });
      await noteEnd(stateDirectory, order.workflowId, await binlogEnd(layout));
    },
  };
}

/** Whatever keeps the old data from serving may pass, or be mended by somebody: only data that is gone ends the tries. */
async function putBackUntilItWorks(swap: CutOverOptions): Promise<PutBackResult> {
  try {
    return await putBack(swap);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'previous_gone') throw error;
    throw new TidemarkError('put_back_failed', `The server could not be put back yet: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
