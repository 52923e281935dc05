/**
 * The plan of a restore: pure arithmetic on what the backup is and what stands on the host. A refusal says
 * why, and what could be done instead, before anything is touched.
 */
import { type AtRest, type HostKeys, planKeys } from './at-rest.ts';
import { dataDirectory, type Layout } from './layout.ts';
import type { RecoveryPlan } from './archive/plan-types.ts';
import type { BackupSource } from './copies.ts';
import type { BinlogPosition, DumpContent } from './manifest.ts';
import type { BackupType, RestoreMode } from './operations.ts';
import type { BinlogPoint } from './archive/facts.ts';
import { TidemarkError } from './errors.ts';
import { type KeptData, keptSentence } from './kept-data.ts';
import { majorVersion } from './versions.ts';

/** What a restore has to know of a backup. Sizes in bytes. */
export interface BackupFacts {
  backupId: string;
  manifestSha256: string;
  serverVersion: string;
  layout: Layout;
  storedBytes: number;
  uncompressedBytes: number;
  encrypted: boolean;
  /** age public keys: the identity of one of them opens it. */
  recipients: string[];
  binlog?: BinlogPosition;
  pointInTime: string;
  memoryTables: string[];
  /** What its server kept encrypted, or that of what it builds on; left out where that is nothing, or not known. */
  atRest?: AtRest;
  /** Where it can be read, when it is in more than one place. */
  sources?: BackupSource[];
  /** Of an incremental: what it builds on, from the full on. */
  chain?: ChainedFacts[];
  /** Of a dump: what it holds. */
  dump?: DumpContent;
  /** Of an incremental: what the server's files took; of a dump: the rows with their indexes. 0 when that is not known. */
  dataBytes?: number;
}

/** A backup that another one builds on. */
export interface ChainedFacts {
  backupId: string;
  manifestSha256: string;
  storedBytes: number;
  uncompressedBytes: number;
  /** age public keys; empty: not encrypted. */
  recipients: string[];
}

/** What a host can open encrypted backups with. */
export interface HostIdentities {
  /** The public halves of the identities that it has. */
  recipients: string[];
  /** What of its settings gave none, as sentences; empty when everything did. */
  fault: string;
}

/** Versions of programs on a host; empty: not there. */
export interface TargetTools {
  mariadbBackup: string;
  mbstream: string;
  zstd: string;
  age: string;
  /** Left out by an agent of an earlier version. */
  mariadb?: string;
  /** Likewise; not its version, only whether it is there. */
  mariadbInstallDb?: string;
}

/** What the plan has to know of the target's host. */
export interface TargetFacts {
  serverVersion: string;
  layout: Layout;
  space: { directory: string; freeBytes: number; usedBytes: number }[];
  tools: TargetTools;
  /** Left out by an agent of an earlier version. */
  identities?: HostIdentities;
  /** Likewise. */
  keys?: HostKeys;
  /** Size of the redo log that the server makes. */
  redoBytes: number;
  /** What earlier restores have left there. Likewise. */
  kept?: KeptData[];
  /** It restores incrementals. Left out by an agent of an earlier version. */
  appliesChains?: true;
  /** Likewise, dumps. */
  loadsDumps?: true;
  /** Likewise, it replays archived binlogs. */
  replays?: true;
  /** Likewise, part of a backup. */
  bringsParts?: true;
}

/** Binlogs that are replayed onto the copy. Bytes. */
export interface ReplayFacts {
  storedBytes: number;
  /** Of the binlogs themselves. */
  bytes: number;
}

/** What of an archive a replay needs. */
export interface SelectedBinlogs extends ReplayFacts {
  files: number;
  segments: number;
  /** age public keys, each list that some of them are encrypted for; left out where none is. */
  recipients?: string[][];
  /** Where it stops, where that is known. */
  stop?: BinlogPoint;
  /** For an instant: nothing that was written after this is brought back. */
  notAfter?: string;
}

export interface RestorePlan {
  backupId: string;
  mode: RestoreMode;
  bytesToFetch: number;
  /** On the data directory's file system. */
  bytesNeeded: number;
  bytesFree: number;
  warnings: string[];
}

/** All that was found out about a restore before it is begun. Sizes in bytes. */
export interface RestorePlanReport extends RestorePlan {
  /** Ids, in the order in which they are applied. */
  chain: string[];
  /** Of all of them before their compression. */
  chainBytes: number;
  /** What each of them holds, for the estimate. Left out by control workers of earlier versions. */
  chainSizes?: number[];
  dump: boolean;
  /** Of the server that was backed up, and of the target. */
  backupVersion: string;
  serverVersion: string;
  /** age public keys. */
  recipients: string[];
  /** The target's server is there. */
  serving: boolean;
  /** Of the backup. */
  pointInTime: string;
  binlog?: BinlogPosition;
  /** Of a restore beyond it. */
  recovery?: RecoveryPlan;
  /** What is replayed then. */
  binlogs?: SelectedBinlogs;
  /** Of a backup that Tidemark did not make: what it is, for people, and its databases as far as they are known. */
  foreign?: { form: string; databases?: string[] };
}

/** What prepare and the private server write beside the data and the redo log: temporary tablespaces, undo, logs. */
export const workingRoom = 64 * 1024 * 1024;

/**
 * @throws tool_missing, agent_outdated, tool_version_mismatch, layout_unsupported, server_keys_missing,
 *   identity_unavailable, disk_full
 */
export function planRestore(
  backup: BackupFacts,
  target: TargetFacts,
  mode: RestoreMode,
  replay?: ReplayFacts,
): RestorePlan {
  refuseMissingTools(backup, target);
  refuseOldAgent(backup, target);
  refuseUnfit(backup, target);
  const ofKeys = planKeys(backup.atRest, target.keys);
  const directory = dataDirectory(target.layout);
  const space = target.space.find((entry) => entry.directory === directory);
  const bytesFree = (space?.freeBytes ?? 0) + (mode === 'in-place' ? (space?.usedBytes ?? 0) : 0);
  const bytesNeeded = roomFor(backup) + target.redoBytes + workingRoom + roomForReplay(replay, target);
  if (bytesFree < bytesNeeded) {
    const advice =
      mode === 'in-place'
        ? `Free ${bytesNeeded - bytesFree} bytes`
        : `Free ${bytesNeeded - bytesFree} bytes, or restore with mode "in-place", which replaces the old data first`;
    throw new TidemarkError(
      'disk_full',
      `The restore needs ${bytesNeeded} bytes on the file system of ${directory}, and ${bytesFree} are free. ${advice}.` +
        keptSentence(target.kept),
    );
  }
  const warnings = backup.memoryTables.map(
    (table) => `The MEMORY table ${table} comes back empty: its rows are in no backup.`,
  );
  return {
    backupId: backup.backupId,
    mode,
    bytesToFetch: linksOf(backup).reduce(
      (sum, { storedBytes }) => sum + storedBytes,
      replay?.storedBytes ?? 0,
    ),
    bytesNeeded,
    bytesFree,
    warnings: [...ofKeys, ...warnings],
  };
}

/** What each backup of the chain holds, from the full on; of a dump, what its rows take, where that is known. Bytes. */
export function chainSizes(backup: BackupFacts): number[] {
  if (backup.dump) return [backup.dataBytes || backup.uncompressedBytes];
  return linksOf(backup).map(({ uncompressedBytes }) => uncompressedBytes);
}

/** A backup with all that it builds on, from the full on. */
function linksOf(backup: BackupFacts): ChainedFacts[] {
  return [...(backup.chain ?? []), backup];
}

/** What the copy takes while it is made: of an incremental, one at a time lies beside it. Bytes. */
function roomFor(backup: BackupFacts): number {
  const [full, ...incrementals] = linksOf(backup).map(({ uncompressedBytes }) => uncompressedBytes);
  const largest = Math.max(0, ...incrementals);
  return Math.max(full ?? 0, backup.dataBytes ?? 0) + largest;
}

/**
 * Whether an incremental may be fetched while the one before it is being applied. The plan has room for one at a time, and
 * for what it adds to the copy. Bytes.
 *
 * @param room `free` on the file system with the first one there; `spare` of it is to be left over
 */
export function hasRoomAhead(
  { free, spare }: { free: number; spare: number },
  applying: number,
  next: number,
): boolean {
  return free >= applying + next + workingRoom + spare;
}

/** More redo log than the replay has to write helps nobody, and takes room. */
const leastReplayRedo = 96 * 1024 ** 2;
const mostReplayRedo = 2 * 1024 ** 3;

/** @param bytes of all binlogs together @returns the size of the redo log of the server that replays them */
export function replayRedoBytes(bytes: number): number {
  return Math.min(mostReplayRedo, Math.max(leastReplayRedo, 2 * bytes));
}

/** The binlogs, what they may add to the data, and the larger redo log. */
export function roomForReplay(replay: ReplayFacts | undefined, { redoBytes }: TargetFacts): number {
  if (!replay) return 0;
  return 2 * replay.bytes + Math.max(0, replayRedoBytes(replay.bytes) - redoBytes);
}

/** @throws agent_outdated */
export function requireReplaying({ replays }: TargetFacts): void {
  if (replays) return;
  throw new TidemarkError(
    'agent_outdated',
    'The agent of the target is of a version that cannot replay binlogs. Upgrade the agent.',
  );
}

function refuseOldAgent({ chain }: BackupFacts, target: TargetFacts): void {
  if (!chain || target.appliesChains) return;
  throw new TidemarkError(
    'agent_outdated',
    'The backup is an incremental, and the agent of the target is of a version that cannot restore those. Upgrade the agent.',
  );
}

function refuseMissingTools(backup: BackupFacts, target: TargetFacts): void {
  const needed: [string, string][] = [
    ['mariadb-backup', target.tools.mariadbBackup],
    ['mbstream', target.tools.mbstream],
    ['zstd', target.tools.zstd],
  ];
  const encrypted = (backup.chain ?? []).map(({ recipients }) => recipients).filter((all) => all.length > 0);
  if (backup.encrypted) encrypted.push(backup.recipients);
  if (encrypted.length > 0) needed.push(['age', target.tools.age]);
  const missing = needed.filter(([, version]) => version === '').map(([name]) => name);
  if (missing.length > 0) {
    throw new TidemarkError(
      'tool_missing',
      `On the target's host there is no ${missing.join(', ')}. Install it.`,
    );
  }
  for (const recipients of encrypted) refuseWithoutIdentity(recipients, target.identities);
}

/** @throws identity_unavailable, naming the recipients one of which is needed */
export function refuseWithoutIdentity(recipients: string[], identities: HostIdentities | undefined): void {
  if (!identities) {
    throw new TidemarkError(
      'identity_unavailable',
      `The backup is encrypted for ${recipients.join(', ')}, and the agent does not say what it can open: it is of an ` +
        'earlier version. Upgrade the agent.',
    );
  }
  const { recipients: held, fault } = identities;
  if (recipients.some((recipient) => held.includes(recipient))) return;
  const needed = recipients.length === 1 ? `of ${recipients[0]}` : `of one of ${recipients.join(', ')}`;
  const there = [held.length > 0 ? `It has ${held.join(', ')}.` : '', fault]
    .filter((said) => said !== '')
    .join(' ');
  throw new TidemarkError(
    'identity_unavailable',
    `The backup is encrypted, and the agent does not have the age identity ${needed}. ${there} Put that identity ` +
      'into the file that restore.age_identity_file names on its host, or have restore.age_identity_command print it.',
  );
}

/** A backup and a target, as far as versions and layouts tell. */
interface Unfit {
  backup: Pick<BackupFacts, 'serverVersion' | 'layout'>;
  target: Pick<TargetFacts, 'serverVersion' | 'layout'> & { tools: Pick<TargetTools, 'mariadbBackup'> };
}

/** @throws tool_version_mismatch, layout_unsupported */
export function refuseUnfit(backup: Unfit['backup'], target: Unfit['target']): void {
  refuseOtherMajor(backup, target);
  refuseLayout(backup, target);
}

function refuseOtherMajor(backup: Unfit['backup'], target: Unfit['target']): void {
  const wanted = majorVersion(backup.serverVersion);
  const others = [
    ['server', target.serverVersion],
    ['mariadb-backup', target.tools.mariadbBackup],
  ] as const;
  for (const [what, version] of others) {
    if (majorVersion(version) !== wanted) {
      throw new TidemarkError(
        'tool_version_mismatch',
        `The backup is of MariaDB ${backup.serverVersion}, but the target's ${what} is ${version}. ` +
          `A physical backup can be restored to MariaDB ${wanted} only.`,
      );
    }
  }
}

function refuseLayout(backup: Unfit['backup'], target: Unfit['target']): void {
  const obstacles = layoutObstacles(backup.layout, target.layout);
  if (obstacles.length > 0) throw new TidemarkError('layout_unsupported', obstacles.join(' '));
}

/** What keeps a server with the layout `target` from taking a backup of one with the layout `source`: sentences. */
function layoutObstacles(source: Layout, target: Layout): string[] {
  const obstacles = [...target.obstacles];
  const same = (name: string, ours: unknown, theirs: unknown): void => {
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      obstacles.push(
        `The backup was taken with ${name} = ${String(theirs)}, and the target has ${String(ours)}; they must be equal.`,
      );
    }
  };
  same('innodb_page_size', target.innodbPageSize, source.innodbPageSize);
  same('innodb_data_file_path', target.innodbDataFiles, source.innodbDataFiles);
  same('lower_case_table_names', target.lowerCaseTableNames, source.lowerCaseTableNames);
  return obstacles;
}

/** What keeps a server with the layout `target` from taking a dump of one with the layout `source`: sentences. */
export function loadObstacles(source: Layout, target: Layout): string[] {
  return [...target.obstacles, ...nameObstacles(source, target)];
}

/** The same, where no file of the target is touched. */
export function nameObstacles(source: Layout, target: Layout): string[] {
  if (source.lowerCaseTableNames !== 0 || target.lowerCaseTableNames === 0) return [];
  return [
    `The dump is of a server that tells tables apart by upper and lower case (lower_case_table_names = 0), and the target does not (${target.lowerCaseTableNames}): one table could replace another.`,
  ];
}

/** What is known of a server without asking its host. */
interface ServerFacts {
  serverVersion: string;
  layout: Layout;
}

/**
 * Whether a backup of `source` can be restored to `target`, as far as versions and layouts tell: the plan,
 * made with what the host says at that moment, has the last word.
 */
export function suits(source: ServerFacts, target: ServerFacts, type: BackupType): boolean {
  if (type === 'dump') return loadObstacles(source.layout, target.layout).length === 0;
  return (
    majorVersion(source.serverVersion) === majorVersion(target.serverVersion) &&
    layoutObstacles(source.layout, target.layout).length === 0
  );
}
