/**
 * The plan of a dump's restore. Statements are carried out by any version and any layout; what stands in the way is
 * said before anything is touched.
 */
import { planKeysOfDump } from './at-rest.ts';
import { listed } from './dump.ts';
import { TidemarkError } from './errors.ts';
import { keptSentence } from './kept-data.ts';
import { dataDirectory } from './layout.ts';
import type { DumpContent } from './manifest.ts';
import type { RestoreMode } from './operations.ts';
import {
  type BackupFacts,
  loadObstacles,
  nameObstacles,
  refuseWithoutIdentity,
  type ReplayFacts,
  roomForReplay,
  type RestorePlan,
  type TargetFacts,
  workingRoom,
} from './restore-plan.ts';
import { majorVersion } from './versions.ts';

/** What the tables of a fresh server take. */
const freshBytes = 64 * 1024 * 1024;

/**
 * @throws agent_outdated, tool_missing, layout_unsupported, identity_unavailable, disk_full
 */
export function planLoad(
  backup: BackupFacts & { dump: DumpContent },
  target: TargetFacts,
  mode: RestoreMode,
  replay?: ReplayFacts,
): RestorePlan {
  const { backupId, dump, storedBytes, dataBytes = 0 } = backup;
  // Only of a whole server, or for a trial, is a fresh one made.
  const fresh = dump.whole || mode === 'side-by-side';
  refuseOldAgent(target);
  refuseMissingTools(backup, target, fresh);
  const obstacles = (fresh ? loadObstacles : nameObstacles)(backup.layout, target.layout);
  if (obstacles.length > 0) throw new TidemarkError('layout_unsupported', obstacles.join(' '));
  const directory = dataDirectory(target.layout);
  const space = target.space.find((entry) => entry.directory === directory);
  const emptied = dump.whole && mode === 'in-place' ? (space?.usedBytes ?? 0) : 0;
  const bytesFree = (space?.freeBytes ?? 0) + emptied;
  const copies = fresh && !dump.whole ? 2 : 1;
  const bytesNeeded =
    dataBytes * copies +
    (fresh ? target.redoBytes + workingRoom + freshBytes : 0) +
    roomForReplay(replay, target);
  if (bytesFree < bytesNeeded) {
    const advice = mode === 'in-place' ? '' : ', or restore with mode "in-place", which needs less';
    throw new TidemarkError(
      'disk_full',
      `The restore needs ${bytesNeeded} bytes on the file system of ${directory}, and ${bytesFree} are free. ` +
        `Free ${bytesNeeded - bytesFree} bytes${advice}.` +
        keptSentence(target.kept),
    );
  }
  return {
    backupId,
    mode,
    bytesToFetch: storedBytes + (replay?.storedBytes ?? 0),
    bytesNeeded,
    bytesFree,
    warnings: warningsOf(backup, target),
  };
}

function refuseOldAgent(target: TargetFacts): void {
  if (target.loadsDumps) return;
  throw new TidemarkError(
    'agent_outdated',
    'The backup is a dump, and the agent of the target is of a version that cannot load those. Upgrade the agent.',
  );
}

function refuseMissingTools(backup: BackupFacts, { tools, identities }: TargetFacts, fresh: boolean): void {
  const needed: [string, string | undefined][] = [
    ['mariadb', tools.mariadb],
    ['zstd', tools.zstd],
    ...(fresh ? ([['mariadb-install-db', tools.mariadbInstallDb]] as [string, string | undefined][]) : []),
    ...(backup.encrypted ? ([['age', tools.age]] as [string, string][]) : []),
  ];
  const missing = needed.filter(([, version]) => (version ?? '') === '').map(([name]) => name);
  if (missing.length > 0) {
    throw new TidemarkError(
      'tool_missing',
      `On the target's host there is no ${missing.join(', ')}. Install it.`,
    );
  }
  if (backup.encrypted) refuseWithoutIdentity(backup.recipients, identities);
}

function warningsOf(backup: BackupFacts & { dump: DumpContent }, target: TargetFacts): string[] {
  const { dump, memoryTables, serverVersion } = backup;
  const warnings = planKeysOfDump(backup.atRest, target.keys);
  if (majorVersion(serverVersion) !== majorVersion(target.serverVersion)) {
    warnings.push(
      `The dump is of MariaDB ${serverVersion}, and was loaded into ${target.serverVersion}: see that your programs agree with it.`,
    );
  }
  if (dump.whole && memoryTables.length > 0) {
    warnings.push(
      `MEMORY tables come back empty, because a server that is started has none of their rows: ${listed(memoryTables)}. The dump has the rows.`,
    );
  }
  return warnings;
}
