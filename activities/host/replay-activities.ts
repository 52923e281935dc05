/** The steps of a restore that bring a copy forward to a point in time. */
import { measure } from '../../domain/progress.ts';
import { refuseWithoutIdentity, type SelectedBinlogs } from '../../domain/restore-plan.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { locateStop } from '../../mariadb/replay/locate.ts';
import { replayBinlogs } from '../../mariadb/replay/replay.ts';
import { markReplayed, markReplaying, replayedTo } from '../../mariadb/restore/applied.ts';
import { giveCopy } from '../../mariadb/restore/check.ts';
import { inspectIdentities } from '../../mariadb/restore/identity.ts';
import { syncFileSystem } from '../../mariadb/restore/commands.ts';
import { removeBinlogs } from '../../mariadb/restore/staging.ts';
import { lostInPowerCut, markSynced, markUnpacked } from '../../mariadb/restore/unpacked.ts';
import { Context } from '@temporalio/activity';
import { beating } from '../heartbeat.ts';
import { attempt } from './attempt.ts';
import type { HostBulkActivities, HostReplay, HostRestoreInput, ReplayReport } from './contract.ts';
import type { Host } from './host.ts';
import { asking } from './identities.ts';
import { bringTo } from './incremental.ts';
import { patiently } from './patience.ts';
import { readerOf, readyReplay, recipientsOf, segmentsOf, select } from './replay.ts';
import { enterSite, linksOf, operationOf } from './site.ts';
import { timed } from './timed.ts';

type ReplayActivities = Pick<HostBulkActivities, 'selectBinlogs' | 'replayBinlogs'>;

export function replayActivities(host: Host): ReplayActivities {
  return {
    selectBinlogs: (order) => beating(async () => await describe(host, order)),
    async replayBinlogs(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'replaying' }, async (trial) => {
        const { result, seconds } = await timed(host, () =>
          patiently(order, () => bringForward(host, order, replayOf(order), trial)),
        );
        return { ...result, ...(seconds !== undefined && { seconds }) };
      });
    },
  };
}

function replayOf({ replay }: HostRestoreInput): HostReplay {
  if (!replay) throw new Error('a replay of nothing');
  return replay;
}

async function describe(host: Host, order: HostRestoreInput): Promise<SelectedBinlogs> {
  const replay = replayOf(order);
  const selection = await select(host, replay, Context.current().cancellationSignal);
  const encrypted = recipientsOf(selection);
  const { files, stop: asked, notAfter } = selection;
  const stop = await asking(host, operationOf(order), async (question) => {
    if (encrypted.length > 0) {
      const identities = await inspectIdentities(host.settings.restore, question);
      for (const recipients of encrypted) refuseWithoutIdentity(recipients, identities);
    }
    if ('at' in asked) return asked.at;
    return await locateStop(files.at(-1)!, asked, readerOf(host, replay, question));
  });
  const segments = segmentsOf(files);
  return {
    files: files.length,
    segments: segments.length,
    storedBytes: segments.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    bytes: segments.reduce((sum, { start, end }) => sum + end - start, 0),
    ...(encrypted.length > 0 && { recipients: encrypted }),
    ...(stop && { stop }),
    ...(notAfter !== undefined && { notAfter }),
  };
}

/** A replay that was interrupted before, or whose copy a power cut took, begins with a new copy. */
async function bringForward(
  host: Host,
  order: HostRestoreInput,
  replay: HostReplay,
  trial: Attempt,
): Promise<ReplayReport> {
  const { folder } = trial;
  if (!(await lostInPowerCut(folder))) {
    const done = await replayedTo(folder);
    if (done) return done;
  }
  await bringTo(host, order, linksOf(order).length - 1, trial);
  const { proven, ...told } = await readyReplay(host, order, replay, trial);
  const { server, restore } = host.settings;
  const { directory, layout, staging } = await enterSite(host, order);
  const total = proven.files.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const begun = Date.now();
  const owner = await giveCopy({ server, layout, staging, directory });
  await markReplaying(folder);
  await markUnpacked(folder);
  const { reached, transactions, way, notes } = await replayBinlogs({
    server,
    restore,
    layout,
    directory,
    owner,
    attempt: trial,
    proven,
    // A statement may take long over few bytes: the server's being seen at work is progress.
    onProgress: (bytes, looks) =>
      trial.report(measure('replaying', bytes, total, Date.now() - begun), bytes + looks),
  });
  await syncFileSystem(directory, trial);
  await markSynced(folder);
  const report: ReplayReport = { reached: { ...reached, ...told }, transactions, way, warnings: notes };
  await markReplayed(folder, report);
  await removeBinlogs(staging);
  return report;
}
