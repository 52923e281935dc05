/** Materializing a backup: fetched, unpacked and prepared in a directory of its own, and checked on a private server. */
import { dataDirectory } from '../../domain/layout.ts';
import { measure, startOf } from '../../domain/progress.ts';
import { refuseWithoutIdentity } from '../../domain/restore-plan.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { keptData } from '../../mariadb/cutover/previous.ts';
import { requireForReplacing } from '../../mariadb/dump/replace.ts';
import { forgetApplied, markApplied } from '../../mariadb/restore/applied.ts';
import { isInstalled, type ProgramName, programVersion } from '../../mariadb/programs.ts';
import { checkCopy } from '../../mariadb/restore/check.ts';
import { syncFileSystem } from '../../mariadb/restore/commands.ts';
import { inspectIdentities } from '../../mariadb/restore/identity.ts';
import { prepareCopy } from '../../mariadb/restore/prepare.ts';
import { checkStaging, freeSpace } from '../../mariadb/restore/room.ts';
import { createStaging } from '../../mariadb/restore/staging.ts';
import { lostInPowerCut, markSynced, markUnpacked } from '../../mariadb/restore/unpacked.ts';
import { inspectKeys } from '../../mariadb/server/keys.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { isServing } from '../../mariadb/server/lifecycle.ts';
import { readServerOptions } from '../../mariadb/server/options.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import { verifyBackup } from '../../storage/verify.ts';
import { beating } from '../heartbeat.ts';
import { forgetAhead, whileFetching } from './ahead.ts';
import { attempt } from './attempt.ts';
import type { FetchReport, HostBulkActivities, HostControlActivities, HostRestoreInput } from './contract.ts';
import { loadInto, syncLoaded } from './dump.ts';
import { fetchInto } from './fetch.ts';
import { unpackForeign, verifyForeign } from './foreign-unpack.ts';
import type { Host } from './host.ts';
import { identitiesFor } from './identities.ts';
import { manifestOf } from './kept-manifest.ts';
import { patiently } from './patience.ts';
import { misplaced } from './placement.ts';
import { fetchForReplay, replayView, requireReplayed, verifyBinlogs } from './replay.ts';
import { enterSite, linksOf, operationOf } from './site.ts';
import { sourcesFor } from './sources.ts';
import { timed } from './timed.ts';

type RestoreActivities = Pick<HostControlActivities, 'inspectHost'> &
  Pick<HostBulkActivities, 'verifyObjects' | 'fetchBackup' | 'prepareBackup' | 'checkCopy'>;

export function restoreActivities(host: Host): RestoreActivities {
  return {
    inspectHost: (order) =>
      beating(async () => {
        const { server } = host.settings;
        // Not as a site: a restore that is refused now would leave it behind.
        const layout = await inspectLayout(server);
        const obstacles = await checkStaging(layout, order.restoreId);
        const tool = (name: ProgramName): Promise<string> => programVersion(server, name);
        return {
          agentId: host.agentId,
          serverVersion: await tool('mariadbd'),
          serving: await isServing(server),
          layout: { ...layout, obstacles: [...obstacles, ...misplaced(host.settings, layout)] },
          space: await freeSpace(layout),
          // It is only told: nothing of it stands in the way of the plan itself.
          kept: await keptData(host.settings.state_directory).catch(() => []),
          tools: {
            mariadbBackup: await tool('mariadb-backup'),
            mbstream: await tool('mbstream'),
            zstd: await tool('zstd'),
            age: await tool('age'),
            mariadb: await tool('mariadb'),
            // Asked for its version, it would make a server's tables.
            mariadbInstallDb: (await isInstalled(server, 'mariadb-install-db')) ? 'there' : '',
          },
          identities: order.encrypted
            ? await identitiesFor(host, operationOf(order))
            : { recipients: [], fault: '' },
          keys: await inspectKeys(server),
          copies: [...host.copies.keys()],
          redoBytes: Number((await readServerOptions(server)).get('innodb_log_file_size') ?? 0),
          appliesChains: true as const,
          loadsDumps: true as const,
          replays: true as const,
          bringsParts: true as const,
        };
      }),

    async verifyObjects(order) {
      await attempt(host, { operation: operationOf(order), phase: 'planning' }, async (trial) => {
        if (order.foreign) return await verifyForeign(host, order, trial);
        const { signal, report } = trial;
        const links = await Promise.all(
          linksOf(order).map((link) => manifestOf(host, order, trial.folder, link)),
        );
        if (links.some(({ dump }) => dump?.whole === false)) await requireForReplacing(host.settings.server);
        const { from } = await sourcesFor(host, order);
        const total = links.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
        const begun = Date.now();
        let before = 0;
        for (const manifest of links) {
          await verifyBackup(from, manifest, {
            ahead: host.settings.restore.parts_ahead,
            signal,
            onProgress: (bytes) => {
              report(measure('planning', before + bytes, total, Date.now() - begun));
            },
          });
          before += manifest.storedBytes;
        }
        const ofBinlogs = await verifyBinlogs(host, order, trial);
        // Asked for again when all was read, which can take hours: next, the data goes.
        const ofLinks = links.map(({ pipeline }) => pipeline.recipients).filter((all) => all.length > 0);
        const encrypted = [...ofLinks, ...ofBinlogs];
        if (encrypted.length === 0) return;
        // Not as the fetch asks: to try again would be to read all once more, and nothing is lost yet.
        const identities = await inspectIdentities(host.settings.restore, trial);
        for (const recipients of encrypted) refuseWithoutIdentity(recipients, identities);
      });
    },

    async fetchBackup(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'fetching' }, async (trial) => {
        const { result, seconds } = await timed(host, () =>
          patiently(order, () => unpack(host, order, trial)),
        );
        return { ...result, ...(seconds !== undefined && { seconds }) };
      });
    },

    async prepareBackup(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'preparing' }, async (trial) => {
        const { directory } = await enterSite(host, order);
        if (await lostInPowerCut(trial.folder)) {
          host.log.warn(
            { directory },
            'The machine went down before the copy was synced; it is fetched again.',
          );
          await patiently(order, () => unpack(host, order, trial));
        }
        await forgetAhead(host, order, trial);
        // The first incremental and the binlogs come while the full is prepared; none needs the other.
        let preparing: number | undefined;
        const full = async (): Promise<void> => {
          ({ seconds: preparing } = await timed(host, () => prepare(host, order, trial)));
        };
        const { seconds } = await timed(host, () =>
          both(whileFetching(host, order, 1, trial, 0, full), fetchForReplay(host, order, trial)),
        );
        if (seconds === undefined || preparing === undefined) return {};
        return { seconds: preparing, secondsAhead: seconds - preparing };
      });
    },

    async checkCopy(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'checking' }, async (trial) => {
        const { server } = host.settings;
        const manifest = await patiently(order, () => manifestOf(host, order, trial.folder));
        const { directory, layout, staging } = await enterSite(host, order);
        trial.report(startOf('checking'));
        const replayed = order.replay && (await requireReplayed(trial.folder));
        const { reached, warnings } = await checkCopy({
          server,
          layout,
          staging,
          directory,
          attempt: trial,
          binlog: replayed ?? manifest.binlog,
        });
        return { reached: { ...reached, ...(replayed && replayView(replayed)) }, warnings };
      });
    },
  };
}

/** Waits for both, so that neither is at work when the attempt ends. @throws what the first failed with */
async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([first, second])) {
    if (result.status === 'rejected') throw result.reason as Error;
  }
}

/** Fetches and unpacks the full into its place; what an earlier try left there goes first. */
export async function unpack(host: Host, order: HostRestoreInput, trial: Attempt): Promise<FetchReport> {
  if (order.foreign) return await unpackForeign(host, order, await enterSite(host, order), trial);
  await forgetApplied(trial.folder);
  const manifest = await manifestOf(host, order, trial.folder, linksOf(order)[0]);
  const { directory, staging, layout } = await enterSite(host, order);
  if (order.mode === 'side-by-side') {
    await createStaging(staging, await serverOwner(host.settings.server, dataDirectory(layout)));
  }
  const { from, report } = await sourcesFor(host, order);
  const fetching = { manifest, from, directory, attempt: trial };
  const warnings = manifest.dump ? await loadInto(host, { ...fetching, layout }) : [];
  if (!manifest.dump) await fetchInto(host, fetching);
  await markUnpacked(trial.folder);
  const found = report();
  host.log.info({ backup: order.backupId, storage: found.readFrom }, 'The backup was fetched.');
  return { ...found, ...(warnings.length > 0 && { warnings }) };
}

/** Prepares the full, by itself. */
export async function prepare(host: Host, order: HostRestoreInput, trial: Attempt): Promise<void> {
  const { server, restore } = host.settings;
  const manifest = await patiently(order, () => manifestOf(host, order, trial.folder, linksOf(order)[0]));
  const { directory } = await enterSite(host, order);
  trial.report(startOf('preparing'));
  if (manifest.dump) {
    await syncLoaded(directory, trial);
    return await markApplied(trial.folder, 0);
  }
  const expected = { toLsn: manifest.lineage.toLsn };
  // What was unpacked is still in memory for the most part; it gets to the disk while the copy is prepared.
  await both(
    prepareCopy({ server, restore, directory, attempt: trial, expected }),
    syncFileSystem(directory, trial),
  );
  // What preparing wrote after that.
  await syncFileSystem(directory, trial);
  await markSynced(trial.folder);
  await markApplied(trial.folder, 0);
}
