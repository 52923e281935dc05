/** Bringing part of a materialized backup back into the running server, of which no file is touched. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import { dataDirectory } from '../../domain/layout.ts';
import type { PartRequest } from '../../domain/part.ts';
import { startOf } from '../../domain/progress.ts';
import { largestPacket } from '../../mariadb/dump/load.ts';
import { bringPart } from '../../mariadb/part/bring.ts';
import { exchangePart } from '../../mariadb/part/exchange.ts';
import { explained, requireForPart } from '../../mariadb/part/live.ts';
import { partFile, readPart } from '../../mariadb/part/record.ts';
import { leavePart } from '../../mariadb/part/sweep.ts';
import { giveCopy, reachedAt } from '../../mariadb/restore/check.ts';
import { namesIn } from '../../mariadb/restore/files.ts';
import { workingMemory } from '../../mariadb/restore/memory.ts';
import { withPrivateServer } from '../../mariadb/restore/private-server.ts';
import { usedBytes } from '../../mariadb/restore/room.ts';
import { removeStaging } from '../../mariadb/restore/staging.ts';
import { beating } from '../heartbeat.ts';
import { attempt } from './attempt.ts';
import type { HostBulkActivities, HostControlActivities, HostRestoreInput } from './contract.ts';
import type { Host } from './host.ts';
import { manifestOf } from './kept-manifest.ts';
import { patiently } from './patience.ts';
import { replayView, requireReplayed } from './replay.ts';
import { enterSite, operationOf } from './site.ts';

type PartActivities = Pick<HostControlActivities, 'examinePart' | 'leavePart'> &
  Pick<HostBulkActivities, 'bringPart' | 'exchangePart'>;

/** The buffer pool of a server that is read from once, and altered a little. */
const mostMemoryBytes = 1024 ** 3;
const memoryShare = 0.25;

export function partActivities(host: Host): PartActivities {
  const { server, restore } = host.settings;
  const patience = { lockWaitMs: restore.part_lock_wait, giveUpMs: restore.part_give_up_after };
  return {
    examinePart: (order) => beating(() => requireForPart(server, partOf(order))),

    async bringPart(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'loading' }, async (trial) => {
        const manifest = await patiently(order, () => manifestOf(host, order, trial.folder));
        const { directory, layout, staging } = await enterSite(host, order);
        trial.report(startOf('loading'));
        const replayed = order.replay && (await requireReplayed(trial.folder));
        const owner = await giveCopy({ server, layout, staging, directory });
        const memoryBytes = Math.min(
          mostMemoryBytes,
          await workingMemory(memoryShare, await usedBytes(directory)),
        );
        const further = ['--wait-timeout=31536000', `--max-allowed-packet=${largestPacket}`];
        const privately = { server, layout, directory, owner, attempt: trial, memoryBytes, further };
        const brought = await withPrivateServer(privately, (copy) =>
          explaining(
            bringPart({
              server,
              dataDirectory: dataDirectory(layout),
              restoreId: order.restoreId,
              workflowId: order.workflowId,
              request: partOf(order),
              copy,
              lockWaitMs: patience.lockWaitMs,
              attempt: trial,
            }),
          ),
        );
        host.log.info({ ...brought }, 'The part is loaded beside what is there.');
        return {
          reached: { ...reachedAt(replayed ?? manifest.binlog), ...(replayed && replayView(replayed)) },
        };
      });
    },

    async exchangePart(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'cutting_over' }, async (trial) => {
        trial.report(startOf('cutting_over'));
        const { workflowId } = order;
        return {
          warnings: await explaining(exchangePart({ server, workflowId, ...patience, attempt: trial })),
        };
      });
    },

    async leavePart(order) {
      const whole = { operation: operationOf(order), phase: 'cutting_over', uninterruptible: true } as const;
      return await attempt(host, whole, async (trial) => {
        const { folder, log } = trial;
        const { workflowId } = order;
        const outcome = await leavePart({ server, folder, workflowId, ...patience, log });
        const warnings = (await readPart(folder))?.warnings ?? [];
        await removeStaging((await enterSite(host, order)).staging);
        // Whoever asks again, because the answer was lost, is told the same.
        const kept = outcome === 'exchanged' && !order.settled ? path.basename(partFile(folder)) : undefined;
        for (const name of await namesIn(folder))
          if (name !== kept) await rm(path.join(folder, name), { recursive: true, force: true });
        return { outcome, warnings };
      });
    },
  };
}

async function explaining<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explained(error);
  }
}

function partOf({ part }: HostRestoreInput): PartRequest {
  if (part) return part;
  throw new TidemarkError('internal', 'The order names no part of the backup.');
}
