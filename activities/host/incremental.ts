/** Bringing a prepared copy forward: the incrementals of its chain, one after the other. */
import { startOf } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { appliedTo, markApplied, markApplying } from '../../mariadb/restore/applied.ts';
import { syncFileSystem } from '../../mariadb/restore/commands.ts';
import { applyIncremental } from '../../mariadb/restore/prepare.ts';
import { lostInPowerCut, markSynced, markUnpacked } from '../../mariadb/restore/unpacked.ts';
import { forgetAhead, removeApplied, takeIncremental, whileFetching } from './ahead.ts';
import { attempt } from './attempt.ts';
import type { HostBulkActivities, HostRestoreInput } from './contract.ts';
import type { Host } from './host.ts';
import { manifestOf } from './kept-manifest.ts';
import { patiently } from './patience.ts';
import { prepare, unpack } from './restore.ts';
import { enterSite, linksOf, operationOf } from './site.ts';
import { timed } from './timed.ts';

export function incrementalActivities(host: Host): Pick<HostBulkActivities, 'applyIncremental'> {
  return {
    async applyIncremental({ number, ...order }) {
      return await attempt(host, { operation: operationOf(order), phase: 'preparing' }, async (trial) => {
        const { seconds } = await timed(host, () =>
          patiently(order, () => bringTo(host, order, number, trial)),
        );
        return seconds === undefined ? {} : { seconds };
      });
    },
  };
}

/**
 * Brings the copy to the state of an incremental, `number` counted from 1 behind the full. One that was interrupted
 * before in the middle of an incremental, or by a power cut, is made anew from the full.
 */
export async function bringTo(
  host: Host,
  order: HostRestoreInput,
  number: number,
  trial: Attempt,
): Promise<void> {
  let applied = (await lostInPowerCut(trial.folder)) ? undefined : await appliedTo(trial.folder);
  if (applied === undefined) {
    host.log.warn(
      { operation: operationOf(order) },
      'What was being applied to the copy was interrupted: it is made anew from the full.',
    );
    await forgetAhead(host, order, trial);
    await unpack(host, order, trial);
    await prepare(host, order, trial);
    applied = 0;
  }
  for (let next = applied + 1; next <= number; next += 1) await apply(host, order, next, trial);
}

async function apply(host: Host, order: HostRestoreInput, number: number, trial: Attempt): Promise<void> {
  const { server, restore } = host.settings;
  const { directory, staging } = await enterSite(host, order);
  const manifest = await manifestOf(host, order, trial.folder, linksOf(order)[number]);
  try {
    const incremental = await takeIncremental(host, order, number, trial);
    // From here on no bytes are counted: it takes what it takes.
    trial.report(startOf('preparing'));
    await whileFetching(host, order, number + 1, trial, manifest.uncompressedBytes, async () => {
      await markApplying(trial.folder, number);
      await markUnpacked(trial.folder);
      const { fromLsn, toLsn } = manifest.lineage;
      const expected = { fromLsn, toLsn };
      await applyIncremental({ server, restore, directory, incremental, attempt: trial, expected });
      await syncFileSystem(directory, trial);
    });
    await markSynced(trial.folder);
    await markApplied(trial.folder, number);
  } finally {
    await removeApplied(staging, number);
  }
}
