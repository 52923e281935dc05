/** The activities of an agent: they run beside the database server that they work on. */
import type { DumpFilter } from '../../domain/dump.ts';
import type { ArchivePoint, BinlogPoint, FollowState } from '../../domain/archive/facts.ts';
import type { BinlogRange, RecoveryStop } from '../../domain/archive/plan-types.ts';
import type { TransactionPage, TransactionsOrder } from '../../domain/archive/transactions.ts';
import type { ForeignFacts, ForeignOrder } from '../../domain/foreign.ts';
import type { KeptData } from '../../domain/kept-data.ts';
import type { Layout } from '../../domain/layout.ts';
import type { BackupBase, BackupSummary } from '../../domain/manifest.ts';
import type { EncryptionPolicy } from '../../domain/encryption.ts';
import type { RestoreMode, SealedBucket } from '../../domain/operations.ts';
import type { PartRequest } from '../../domain/part.ts';
import type { KeptRestored, UndoInspection, WrittenFate } from '../../domain/undo.ts';
import type { HostIdentities, SelectedBinlogs, TargetTools } from '../../domain/restore-plan.ts';

/** What stands on the host before a restore. Sizes in bytes. */
export interface HostInspection {
  agentId: string;
  serverVersion: string;
  /** Whether the server accepts connections now. */
  serving: boolean;
  layout: Layout;
  /** Free room and size of what is there now, for each member's file system. */
  space: { directory: string; freeBytes: number; usedBytes: number }[];
  /** Versions of the programs a restore needs; a missing one is an empty string. */
  tools: TargetTools;
  /** Looked for only when the backup is encrypted. */
  identities: HostIdentities;
  /** Size of the redo log that the server makes. */
  redoBytes: number;
  /** Locations that its settings name beside its storage; left out by an agent of an earlier version. */
  copies?: string[];
  /** What earlier restores have left beside the data; left out by an agent of an earlier version. */
  kept?: KeptData[];
  /** It restores incrementals. Left out by an agent of an earlier version. */
  appliesChains?: true;
  /** Likewise, dumps. */
  loadsDumps?: true;
  /** Likewise, it replays archived binlogs. */
  replays?: true;
  /** Likewise, part of a backup, into the running server. */
  bringsParts?: true;
}

export interface HostBackupInput {
  backupId: string;
  serviceId: string;
  workflowId: string;
  /** The deployment whose catalog lists the backup. */
  deploymentId: string;
  /** What deployment and service say; left out by an operation that began before they did. */
  encryption?: EncryptionPolicy;
  /** A customer's bucket; left out for the agent's own storage. */
  bucket?: SealedBucket;
  /** Of an incremental: what it builds on. */
  base?: BackupBase;
  /** Of a dump: what it is to hold. */
  dump?: DumpFilter;
}

/** How the binlog of a service is followed. */
export interface HostFollowInput {
  serviceId: string;
  /** Who hears the reports, as the signal `report`. */
  workflowId: string;
  /** Tells this order from others; in each report. Not in the histories of earlier versions. */
  session?: string;
  deploymentId: string;
  intervalMs: number;
  encryption: EncryptionPolicy;
  /** Where to begin when nothing is archived. */
  start: BinlogPoint;
}

/** Names one restore's work on the host. */
export interface HostRestoreInput {
  restoreId: number;
  /** Tells it from a restore of the same number in another catalog. */
  workflowId: string;
  backupId: string;
  mode: RestoreMode;
  manifestSha256: string;
  /**
   * Where it is read, the first first, as the settings name it: `storage` is the agent's own. Left out: there alone.
   */
  sources?: string[];
  /** The customer's bucket that the backup lies in; left out for the agent's own storage. */
  bucket?: SealedBucket;
  /** Of an incremental: what it builds on, from the full on. */
  chain?: BackupLink[];
  /** How long the replaced data is kept, milliseconds; left out: as the agent's own settings say. */
  keepPreviousMs?: number;
  /** What is replayed onto the copy; left out where it is served as it was backed up. */
  replay?: HostReplay;
  /** Of a backup that Tidemark did not make: `manifestSha256` is empty then. */
  foreign?: ForeignOrder;
  /** Only this of it is brought back, into the running server. */
  part?: PartRequest;
}

/** Archived binlogs that bring a copy forward. */
export interface HostReplay {
  /** Whose they are. */
  serviceId: string;
  /** Where the backup stands. */
  start: ArchivePoint;
  /** One at least. */
  ranges: BinlogRange[];
  stop: RecoveryStop;
}

/** What a replay has come to. */
export interface ReplayReport extends StepReport {
  reached: ArchivePoint & { timeline: string; notAfter?: string };
  transactions: number;
  /** By the relay log, or by `mariadb-binlog | mariadb`. */
  way: 'relay' | 'pipe';
  /** What a person should know, each a sentence. */
  warnings: string[];
}

/** How long a step took. Left out where it was interrupted or had to wait, and by agents of earlier versions. */
export interface StepReport {
  seconds?: number;
}

/** Of the preparation of a full. */
export interface PrepareReport extends StepReport {
  /** How much longer what was fetched meanwhile took. */
  secondsAhead?: number;
}

/** One backup of a chain. */
export interface BackupLink {
  backupId: string;
  manifestSha256: string;
}

/** Where a binarylog backup begins: where the one before it ended, if the timeline is still the same. */
export interface RangeBegin {
  previous?: ArchivePoint & { timeline: string };
  /** Where the full stands from which on binlogs are archived. */
  full: ArchivePoint;
}

export interface HostBinlogInput {
  backupId: string;
  serviceId: string;
  workflowId: string;
  deploymentId: string;
  encryption?: EncryptionPolicy;
  begins: RangeBegin;
  /** What was shipped: see `flushBinlog`. */
  reached: FollowState;
}

/** Short orders: task queue `agent:<id>:control`. */
export interface HostControlActivities {
  ping(): Promise<{ agentId: string }>;
  /** Announces itself at once, and so hears that it was revoked. */
  announceNow(): Promise<void>;
  /**
   * Sees that the server answers and takes the agent's account. Agents of before backups asked for that do not have it.
   *
   * @throws database_unreachable, database_access_denied
   */
  meetServer(): Promise<void>;
  /** Sees that the control worker's probe is in the agent's own store. @throws storage_mismatch */
  confirmStore(input: { probe: string }): Promise<void>;
  /**
   * Sees that a customer's bucket can be used: for a backup by writing, reading and deleting a small object, for a
   * restore by finding the backup. Agents of before there were such buckets do not have it.
   *
   * @throws sealed_for_another, endpoint_refused, and what the store refuses
   */
  confirmBucket(input: {
    backupId: string;
    bucket: SealedBucket;
    purpose: 'backup' | 'restore';
  }): Promise<void>;
  /**
   * Ships all that is in the server's binlog now.
   *
   * @returns where the follower stands then @throws archive_stalled
   */
  flushBinlog(input: { serviceId: string }): Promise<FollowState>;
  /** Writes the manifest of a binarylog backup, from which moment it exists. Repeatable. */
  writeBinlogManifest(input: HostBinlogInput): Promise<BackupSummary>;
  /**
   * Lists transactions of the archive, as many as there is time for. Agents of earlier versions do not have it.
   *
   * @throws identity_unavailable, object_missing, object_damaged, binlog_damaged
   */
  readTransactions(input: TransactionsOrder): Promise<TransactionPage>;
  inspectHost(input: HostRestoreInput & { encrypted: boolean }): Promise<HostInspection>;
  /** Stops, swaps, starts and checks under a journal. Repeatable. @throws cut_over_failed once the old data is back. */
  cutOver(input: HostRestoreInput): Promise<CutOverReport>;
  /**
   * Whether a restore can be undone, as far as can be seen now. Agents of before do not have it, nor the next one.
   *
   * @throws undo_refused, previous_gone
   */
  inspectUndo(input: HostUndoInput): Promise<UndoInspection>;
  /**
   * Puts the data back that a restore replaced. Repeatable.
   *
   * @param input `undoId`: the undo's own workflow
   * @throws undo_refused, previous_gone, written_since, server_stop_failed: the restored data goes on serving;
   *   put_back_failed once the other is on its way back
   */
  undoRestore(input: HostUndoInput & { undoId: string; force: boolean }): Promise<UndoReport>;
  /** Whatever a restore left: ends its processes, brings the old data back, starts it if it served, removes the staging. */
  putBack(input: HostRestoreInput): Promise<PutBackResult>;
  /**
   * Whatever a backup left: ends its processes, removes its scratch and its parts. A backup whose manifest exists is
   * whole, whatever was thought of it: it is answered and stays.
   */
  cleanUpBackup(input: HostBackupInput): Promise<BackupSummary | null>;
  /** The steps of an in-place restore. */
  stopServer(input: HostRestoreInput): Promise<void>;
  emptyData(input: HostRestoreInput): Promise<void>;
  startServer(input: HostRestoreInput): Promise<void>;
  /** Whether the running server takes a part at all. @throws part_conflict, privilege_missing, database_unreachable */
  examinePart(input: HostRestoreInput): Promise<void>;
  /**
   * The end of a part: takes away what was not brought back, and what the copy took. Repeatable: that it came back is
   * remembered, however often the answer is lost, until it is called with `settled`.
   *
   * @param input `settled`: what is answered decides nothing any more. Agents of before take every call for that
   * @throws put_back_failed while the server refuses it
   */
  leavePart(input: HostRestoreInput & { settled?: true }): Promise<PartLeft>;
}

/** What became of a part: nothing of it is there, or all of it. */
export interface PartLeft {
  outcome: 'untouched' | 'exchanged';
  /** What could not be made as it was, each a sentence. Agents of before do not say it. */
  warnings?: string[];
}

/** What became of a server whose restore was undone. */
export interface UndoReport {
  /** In milliseconds; left out where the agent was killed meanwhile. */
  notServingMs?: number;
  serving: boolean;
  replicas: string[];
  /** What became of what was written since the restore. Agents of before do not say it. */
  written?: WrittenFate;
  /** The restored data, where it is kept. */
  kept?: KeptRestored;
}

/** Where a backup came from. Agents of before do not say it. */
export interface FetchReport extends StepReport {
  /** The locations that gave parts of it. */
  readFrom: string[];
  /** Why others did not, each with its location. */
  refusals: string[];
  /** Of a dump: what a person should know of what was loaded, each a sentence. */
  warnings?: string[];
}

/** One restore of this host, to be undone. */
export interface HostUndoInput {
  restoreId: number;
  /** The restore's workflow. */
  workflowId: string;
}

/** What a cut-over did. Agents of before say only for how long the server did not serve, in milliseconds. */
export interface CutOverReport {
  notServingMs: number;
  /** When the replaced data is removed at the latest. */
  keptUntil?: string;
  /** Who replicated from the server, and has to be built anew. */
  replicas?: string[];
}

/** What became of a server whose restore was taken back. */
export interface PutBackResult {
  serving: boolean;
  /** In place: the old data was gone, in part at least, and the restore not done. Agents of before do not say it. */
  emptied?: boolean;
}

/** Long work: task queue `agent:<id>:bulk`. */
export interface HostBulkActivities {
  /** @throws chain_broken when the server does not go on where the base of an incremental ends */
  takeBackup(input: HostBackupInput): Promise<BackupSummary>;
  /** Reads every object of a backup and compares its digest: before an in-place restore empties anything. */
  verifyObjects(input: HostRestoreInput): Promise<void>;
  /**
   * Fetches and unpacks the backup, of a chain its full, into the staging directory; a dump is loaded there, into the data
   * of a fresh server. Starts over when called again.
   */
  fetchBackup(input: HostRestoreInput): Promise<FetchReport | undefined>;
  /** Meanwhile the first incremental of the chain is fetched, and the binlogs that are replayed. */
  prepareBackup(input: HostRestoreInput): Promise<PrepareReport | undefined>;
  /**
   * Applies an incremental of the chain to the prepared copy; fetches it before, where it is not there yet, and the next one
   * meanwhile, where there is room. @param input `number` counts from 1
   */
  applyIncremental(input: HostRestoreInput & { number: number }): Promise<StepReport | undefined>;
  /**
   * Sees which segments of the archive a replay needs: that they meet, that the objects are there, that they can be opened.
   * Changes nothing.
   *
   * @throws binlog_gap, object_missing, identity_unavailable
   */
  selectBinlogs(input: HostRestoreInput): Promise<SelectedBinlogs>;
  /**
   * Fetches the binlogs and proves them whole, where the preparation has not done it yet, and replays them onto the copy.
   * One that was interrupted begins with a new copy.
   *
   * @throws binlog_gap, binlog_damaged, target_not_found, replay_failed, and what fetching throws
   */
  replayBinlogs(input: HostRestoreInput): Promise<ReplayReport>;
  /** Starts a private server on the copy, checks it, sets GTID state and the agent's account, stops it, lays the files out. */
  checkCopy(
    input: HostRestoreInput,
  ): Promise<{ reached: Record<string, string | number>; warnings?: string[] }>;
  /**
   * Replaces the databases that a dump holds in the running server, and nothing else of it. Starts over when called again.
   *
   * @throws privilege_missing before anything is dropped; load_failed when a part may be there
   */
  replaceDatabases(input: HostRestoreInput): Promise<void>;
  /**
   * What lies where Tidemark put nothing. A dump is read whole, and what is to be restored in place; of other files only
   * the beginning is looked at. Agents of before do not have it.
   *
   * @throws source_missing, source_no_backup, source_damaged, source_unsafe, source_too_large, source_key_wrong,
   *   sealed_for_another, endpoint_refused, and what the store refuses
   */
  examineForeign(input: HostRestoreInput): Promise<ForeignFacts>;
  /**
   * Takes the part from the copy, by a private server, and loads it beside what is there. Starts over when called again.
   *
   * @throws part_not_found, part_conflict, load_failed
   */
  bringPart(input: HostRestoreInput): Promise<{ reached: Record<string, string | number> }>;
  /** Puts it in the place of what is there. Repeatable. @throws part_locked, load_failed: nothing was changed then */
  exchangePart(input: HostRestoreInput): Promise<{ warnings: string[] }>;
}

/** Following the binlog: task queue `agent:<id>:follow`. */
export interface HostFollowActivities {
  /**
   * Ships what is new in the server's binlog, until it is cancelled.
   *
   * @throws database_access_denied, encryption_required and what else does not pass
   */
  followBinlog(input: HostFollowInput): Promise<never>;
}
