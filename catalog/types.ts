/**
 * The catalog as the rest of the house sees it. Times are RFC 3339 in UTC with milliseconds. What belongs to one
 * subject alone is in the files beside: schedules, agents, API keys, requests, retention.
 */
import type { EncryptionPolicy } from '../domain/encryption.ts';
import type { Layout } from '../domain/layout.ts';
import type { BinlogPosition } from '../domain/manifest.ts';
import type { BackupType, OperationStatus, RecoveryOrder, RestoreMode } from '../domain/operations.ts';
import type { PartRequest } from '../domain/part.ts';
import type { Progress } from '../domain/progress.ts';
import type { ProverOffer } from '../domain/proofs/offer.ts';
import type { AdoptionCatalog } from './adoption-types.ts';
import type { AgentCatalog } from './agent-types.ts';
import type { BreakCatalog } from './break-types.ts';
import type { ChainCatalog } from './chain-types.ts';
import type { ArchiveCatalog } from './archive-types.ts';
import type { ApiKeyCatalog } from './api-key-types.ts';
import type { CopyCatalog } from './copy-types.ts';
import type { DeploymentCatalog } from './deployment-types.ts';
import type { ExternalBucketCatalog, ExternalBucketRecord } from './external-bucket-types.ts';
import type { FollowingCatalog } from './following-types.ts';
import type { Receipt, RequestCatalog } from './request-types.ts';
import type { MeasurementCatalog } from './measurement-types.ts';
import type { ObjectLookCatalog } from './object-look-types.ts';
import type { PruningCatalog } from './pruning-types.ts';
import type { NightlyCatalog, RetentionCatalog } from './retention-types.ts';
import type { ProofCatalog, ProofRecord } from './proof-types.ts';
import type { PreviousRecord, UndoCatalog, UndoRecord } from './undo-types.ts';
import type { VerificationCatalog, VerificationRecord } from './verification-types.ts';
import type { ScheduleCatalog, ScheduleRecord, YieldingCatalog } from './schedule-types.ts';

export interface ServiceRecord {
  serviceId: string;
  serviceName: string;
  organization: string;
  labels: Record<string, string>;
  cloudProvider: string;
  /** The agent that speaks for this service; empty once it was revoked. */
  agentId: string;
  serverName: string;
  serverVersion: string;
  serverRunning: boolean;
  layout: Layout;
  /** Location of its storage, without secrets. */
  storage: string;
  hostname: string;
  agentVersion: string;
  warnings: string[];
  /**
   * What the agent's own settings say: nobody else takes it away. Left out when the agent, of an earlier version, does
   * not say; it does not heed what others say either.
   */
  encryption?: EncryptionPolicy;
  /** Its agent brings other services back for drills; left out where it does not. */
  prover?: ProverOffer;
  registeredAt: string;
  /** The last announcement. */
  lastSeenAt: string;
}

export interface BackupRecord {
  id: string;
  organization: string;
  serviceId: string;
  serviceName: string;
  serverName: string;
  scheduleId: number;
  type: BackupType;
  method: 'skybucket' | 'external';
  cloudProvider: string;
  status: OperationStatus;
  message: string;
  createdAt: string;
  startedAt?: string;
  endedAt?: string;
  /** The instant that the backup restores to. */
  pointInTime?: string;
  /** The full that an incremental rests on; empty on a full. */
  referenceFullBackup: string;
  /** What it directly builds on; empty on a full. */
  parentBackup: string;
  binlog?: BinlogPosition;
  /** Of its binlog, where its manifest says. */
  timeline?: string;
  /** Of a dump: whether it holds all of its server, and not some databases alone. Left out where nobody knows. */
  dumpWhole?: boolean;
  /** Of a dump with tables that are not of one instant: no binlog can be replayed onto it. */
  dumpLoose?: true;
  storedBytes: number;
  uncompressedBytes: number;
  manifestSha256: string;
  progress?: Progress;
}

export interface RestoreRecord {
  /** Counts from 1. */
  id: number;
  organization: string;
  /** The target. */
  serviceId: string;
  serviceName: string;
  backupId: string;
  mode: RestoreMode;
  type: 'physical' | 'logical';
  bucket: string;
  status: OperationStatus;
  message: string;
  createdAt: string;
  /** The workflow that carries it out. */
  workflowId: string;
  /** What it brings back beyond the backup; left out for the backup's own instant. */
  recovery?: RecoveryOrder;
  /** It is of a backup that Tidemark did not make: `backupId` is the object's path in the bucket. */
  foreign?: true;
  finishedAt?: string;
  pointInTime?: string;
  progress?: Progress;
  reached?: Record<string, string | number>;
  /** Left out where nothing that it replaced is, or was, kept. */
  previous?: PreviousRecord;
  /** The last one that was asked for. */
  undo?: UndoRecord;
  /** Only this of the backup was asked for. */
  part?: PartRequest;
}

/** What a restore has to know of a backup; of one that Tidemark did not make, `id` is the object's path. */
export type RestoredBackup = Pick<BackupRecord, 'id' | 'serviceId' | 'type'>;

/** An operation that has, or waits for, a service for itself. */
export interface PlaceRecord {
  serviceId: string;
  workflowId: string;
  /** For messages: "restore 12", "backup 3f…". */
  operation: string;
  /** The order in which places were asked for. */
  sequence: number;
  held: boolean;
  requestedAt: string;
}

export interface PageRequest {
  /** From 1. */
  page: number;
  pageSize: number;
  order: 'asc' | 'desc';
  /** Only records created before this instant. */
  createdBefore?: string;
}

export interface Page<T> {
  items: T[];
  /** All records that match, on whatever page. */
  count: number;
}

export interface BackupFilter {
  serviceId?: string;
  status?: OperationStatus;
  type?: BackupType;
}

export type BackupPatch = Partial<
  Pick<
    BackupRecord,
    | 'status'
    | 'message'
    | 'startedAt'
    | 'endedAt'
    | 'pointInTime'
    | 'binlog'
    | 'timeline'
    | 'dumpWhole'
    | 'dumpLoose'
    | 'storedBytes'
    | 'uncompressedBytes'
    | 'manifestSha256'
    | 'progress'
  >
>;
export type RestorePatch = Partial<
  Pick<RestoreRecord, 'status' | 'message' | 'finishedAt' | 'pointInTime' | 'progress' | 'reached'> & {
    /** When what it replaced is removed at the latest. */
    keptUntil: string;
  }
>;

/**
 * The catalog: an index over what Temporal and the object stores know. The same on SQLite and PostgreSQL.
 *
 * Every read for a client names the organization, and finds nothing of another. A record whose status is final
 * (see `isFinal`) is never changed again: an update of one answers `false`.
 *
 * @throws catalog_unavailable from every method when the database does not answer; retryable.
 * @throws invalid_request for a text with a NUL character (a message is kept without it) and for what is no time.
 * @throws service_not_found when something is recorded for a service that was never upserted.
 */
export interface Catalog
  extends
    DeploymentCatalog,
    ScheduleCatalog,
    AgentCatalog,
    ApiKeyCatalog,
    RequestCatalog,
    RetentionCatalog,
    NightlyCatalog,
    YieldingCatalog,
    VerificationCatalog,
    ExternalBucketCatalog,
    CopyCatalog,
    ChainCatalog,
    ArchiveCatalog,
    PruningCatalog,
    FollowingCatalog,
    BreakCatalog,
    ProofCatalog,
    MeasurementCatalog,
    AdoptionCatalog,
    ObjectLookCatalog,
    UndoCatalog {
  /**
   * Brings the schema up to date. Several processes may call it at once.
   *
   * @throws catalog_incompatible when a newer version made the schema
   */
  migrate(): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
  /**
   * Inserts or updates. `registeredAt` of an existing record stays, and its organization cannot be changed.
   *
   * @throws service_taken when it is another organization's
   */
  upsertService(service: ServiceRecord): Promise<void>;
  findService(serviceId: string, organization?: string): Promise<ServiceRecord | undefined>;
  listServices(organization: string, page: PageRequest): Promise<Page<ServiceRecord>>;

  /**
   * One transaction: a schedule with `schedule: "once"` and its backup, both Scheduled, and a place asked for
   * (not held) by `workflowId(scheduleId)`.
   */
  createOneTimeBackup(order: {
    organization: string;
    service: ServiceRecord;
    type: BackupType;
    backupId: string;
    message: string;
    workflowId: (scheduleId: number) => string;
    /** Left out for the managed storage. */
    bucket?: ExternalBucketRecord | undefined;
    receipt?: Receipt<{ schedule: ScheduleRecord; backup: BackupRecord }> | undefined;
  }): Promise<{ schedule: ScheduleRecord; backup: BackupRecord }>;

  findBackup(id: string, organization?: string): Promise<BackupRecord | undefined>;
  listBackups(organization: string, filter: BackupFilter, page: PageRequest): Promise<Page<BackupRecord>>;
  /** Of each type the newest that succeeded, by the service. */
  newestBackups(serviceIds: readonly string[]): Promise<Map<string, BackupRecord[]>>;
  /** Also updates status and message of its schedule, where it is of the last run. False when there is none or its status is final. */
  updateBackup(id: string, patch: BackupPatch): Promise<boolean>;

  /**
   * One transaction: a restore, Scheduled, and its place: held, or, while a backup has it that Tidemark began by
   * itself, next in line. Such backups that only wait, wait behind the restore.
   *
   * @throws service_busy, naming any other operation that holds or waits for the place; backup_not_found when the
   *   backup was removed meanwhile.
   */
  createRestore(order: {
    organization: string;
    service: ServiceRecord;
    backup: RestoredBackup;
    mode: RestoreMode;
    bucket: string;
    /** Of a backup that Tidemark did not make: written down until the restore has ended. */
    source?: ExternalBucketRecord | undefined;
    recovery?: RecoveryOrder | undefined;
    part?: PartRequest | undefined;
    message: string;
    workflowId: (restoreId: number) => string;
    receipt?: Receipt<RestoreRecord> | undefined;
  }): Promise<RestoreRecord>;
  findRestore(id: number, organization?: string): Promise<RestoreRecord | undefined>;
  listRestores(
    organization: string,
    filter: { serviceId?: string; status?: OperationStatus; type?: RestoreRecord['type'] },
    page: PageRequest,
  ): Promise<Page<RestoreRecord>>;
  updateRestore(id: number, patch: RestorePatch): Promise<boolean>;
  /** Takes a restore off the lists, unless it is Running or being undone. Answers what it was; undefined when nothing was removed. */
  removeRestore(id: number, organization: string): Promise<RestoreRecord | undefined>;

  /**
   * Takes the place asked for by `workflowId` if nobody holds it and nobody asked before; asks for it first if
   * that was not done. Answers who stands in the way, or undefined when the place is now (or already) held.
   */
  takePlace(request: {
    serviceId: string;
    workflowId: string;
    operation: string;
  }): Promise<PlaceRecord | undefined>;
  /** Gives the place, or the wish for it, up. None there is no error. */
  releasePlace(workflowId: string): Promise<void>;
  listPlaces(): Promise<PlaceRecord[]>;

  /** All whose status is not final, oldest first: what the reconciler compares with Temporal. */
  unfinished(): Promise<{
    backups: BackupRecord[];
    restores: RestoreRecord[];
    /** Restores that are being undone. */
    undos: RestoreRecord[];
    verifications: VerificationRecord[];
    proofs: ProofRecord[];
  }>;
}
