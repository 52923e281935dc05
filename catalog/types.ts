/** The records of the catalog, as the rest of the house sees them. Times are RFC 3339 in UTC with milliseconds. */
import type { Layout } from '../domain/layout.ts';
import type { BinlogPosition } from '../domain/manifest.ts';
import type { BackupType, OperationStatus, RestoreMode, Role } from '../domain/operations.ts';
import type { Progress } from '../domain/progress.ts';
import type { ScheduleFacts } from '../domain/schedule.ts';
import type { AuditEnd, AuditIntent, AuditOutcome, AuditRecord, KeyClaim, Receipt } from './request-types.ts';
import type { NightlyCatalog, RetentionCatalog } from './retention-types.ts';

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
  registeredAt: string;
  /** The last announcement. */
  lastSeenAt: string;
}

export interface ScheduleRecord extends ScheduleFacts {
  /** Counts from 1. */
  id: number;
  organization: string;
  serviceId: string;
  serviceName: string;
  /** Of the service; empty when unknown. */
  cloudProvider: string;
  type: BackupType;
  labels: Record<string, string>;
  createdAt: string;
  updatedAt: string;
}

/** What a client may change of a schedule that repeats. */
export type SchedulePatch = Partial<Pick<ScheduleRecord, 'schedule' | 'type' | 'suspended'>>;

/** What Temporal should have of a schedule that repeats. */
export interface ScheduleIntent {
  record: ScheduleRecord;
  /** Counts the changes. */
  revision: number;
  /** Whether Temporal is known to have this revision. */
  settled: boolean;
  /** Nothing of it should be there any more. */
  deleted: boolean;
}

/** Why a run does not take a backup; `covered`: another run began since this one was due. */
export type RunRefusal = 'deleted' | 'suspended' | 'covered';

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
  referenceFullBackup: string;
  binlog?: BinlogPosition;
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
  finishedAt?: string;
  pointInTime?: string;
  progress?: Progress;
  reached?: Record<string, string | number>;
}

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

/** An API key, without the key: only its digest is kept. */
export interface ApiKeyRecord {
  /** Counts from 1. */
  id: number;
  organization: string;
  role: Role;
  /** Who uses it, for people. Not unique. */
  name: string;
  /** The key's first characters, to find its record by. */
  shown: string;
  createdAt: string;
  expiresAt?: string;
  revokedAt?: string;
  /** Within a minute. */
  lastUsedAt?: string;
}

/** A token that waits for its agent (`pending`), an agent (`enrolled`), or one that may work no more (`revoked`). */
export interface AgentRecord {
  /** Of the enrolment: 32 hex digits. */
  id: string;
  organization: string;
  serviceId: string;
  state: 'pending' | 'enrolled' | 'revoked';
  message: string;
  /** Whether it may take the service over from another agent. */
  takeOver: boolean;
  createdAt: string;
  /** Who let it in. */
  createdBy: string;
  /** Until when the token is good. */
  expiresAt: string;
  /** From here on: known once the token was used. Texts are empty before. */
  agentId?: string;
  signingKey: string;
  recipient: string;
  /** Of its last announcement. */
  sequence: number;
  hostname: string;
  agentVersion: string;
  enrolledAt?: string;
  lastSeenAt?: string;
  revokedAt?: string;
}

/** With what its token's proof is checked against: SHA-256 of it, in hex digits. */
export interface EnrolmentRecord extends AgentRecord {
  tokenDigest: string;
}

export type EnrolmentOutcome =
  | { outcome: 'enrolled' }
  /** Used, expired or revoked meanwhile. */
  | { outcome: 'used' }
  /** This agent is enrolled for another service. */
  | { outcome: 'elsewhere'; serviceId: string }
  /** Another agent speaks for the service, and the token does not allow to take over. */
  | { outcome: 'rival'; rival: AgentRecord };

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

export interface ScheduleFilter {
  serviceId?: string;
  type?: BackupType;
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
    | 'storedBytes'
    | 'uncompressedBytes'
    | 'manifestSha256'
    | 'progress'
  >
>;
export type RestorePatch = Partial<
  Pick<RestoreRecord, 'status' | 'message' | 'finishedAt' | 'pointInTime' | 'progress' | 'reached'>
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
export interface Catalog extends RetentionCatalog, NightlyCatalog {
  /**
   * Brings the schema up to date. Several processes may call it at once.
   *
   * @throws catalog_incompatible when a newer version made the schema
   */
  migrate(): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
  /** Random, made at the first migration, the same ever after. */
  deploymentId(): Promise<string>;

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
    receipt?: Receipt<{ schedule: ScheduleRecord; backup: BackupRecord }> | undefined;
  }): Promise<{ schedule: ScheduleRecord; backup: BackupRecord }>;
  /** Nothing is found that was deleted. */
  findSchedule(id: number, organization: string): Promise<ScheduleRecord | undefined>;
  listSchedules(
    organization: string,
    filter: ScheduleFilter,
    page: PageRequest,
  ): Promise<Page<ScheduleRecord>>;
  /** A schedule that repeats. Temporal has still to be told. */
  createSchedule(order: {
    organization: string;
    service: ServiceRecord;
    /** A cron expression in its normal form. */
    schedule: string;
    type: BackupType;
    labels: Record<string, string>;
    offsetSeconds: (id: number) => number;
    receipt?: Receipt<ScheduleRecord> | undefined;
  }): Promise<ScheduleRecord>;
  /** Only what the patch names; Temporal has still to be told. Undefined when there is none that repeats. */
  changeSchedule(id: number, organization: string, patch: SchedulePatch): Promise<ScheduleRecord | undefined>;
  /**
   * Removes it from lists and lookups; of one that repeats, Temporal has still to be told. False when there is none.
   *
   * @throws schedule_active for a one-time schedule whose backup has not ended
   */
  deleteSchedule(id: number, organization: string): Promise<boolean>;
  /** Of a schedule that repeats, also of one that was deleted. */
  findScheduleIntent(id: number): Promise<ScheduleIntent | undefined>;
  /** Of every schedule that repeats and is there, or of whose deletion Temporal has still to be told. */
  listScheduleIntents(): Promise<ScheduleIntent[]>;
  /** Records that Temporal has this revision. False when there is a newer one, which it has not. */
  settleSchedule(id: number, revision: number): Promise<boolean>;
  /**
   * One transaction: the backup of a run of a schedule that repeats, Scheduled, and its place asked for. The same
   * run again is answered with the same backup.
   */
  beginScheduledBackup(run: {
    scheduleId: number;
    /** When the run was due. */
    dueAt: string;
    backupId: (service: ServiceRecord) => string;
    workflowId: (backupId: string) => string;
  }): Promise<{ backup: BackupRecord } | { refused: RunRefusal }>;
  /** A run that came due while the one before was running was skipped. Undefined when it will not run again. */
  skipScheduledBackup(scheduleId: number, dueAt: string): Promise<ScheduleRecord | undefined>;

  findBackup(id: string, organization?: string): Promise<BackupRecord | undefined>;
  listBackups(organization: string, filter: BackupFilter, page: PageRequest): Promise<Page<BackupRecord>>;
  /** Also updates status and message of its schedule, where it is of the last run. False when there is none or its status is final. */
  updateBackup(id: string, patch: BackupPatch): Promise<boolean>;

  /**
   * One transaction: a restore, Scheduled, and its place, held.
   *
   * @throws service_busy, naming the operation that holds or waits for the place; backup_not_found when the backup
   *   was removed meanwhile.
   */
  createRestore(order: {
    organization: string;
    service: ServiceRecord;
    backup: BackupRecord;
    mode: RestoreMode;
    bucket: string;
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
  /** Takes a restore off the lists, unless it is Running. Answers what it was; undefined when nothing was removed. */
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

  /** Writes an enrolment down, pending. */
  createEnrolment(enrolment: {
    organization: string;
    serviceId: string;
    tokenDigest: string;
    takeOver: boolean;
    createdBy: string;
    expiresAt: string;
    receipt?: Receipt<AgentRecord> | undefined;
  }): Promise<AgentRecord>;
  /** The newest enrolment of an agent, by the agent's own id. */
  findAgent(agentId: string): Promise<AgentRecord | undefined>;
  findEnrolledAgent(serviceId: string): Promise<AgentRecord | undefined>;
  /** By the time of creation; tokens that expired unused are left out. */
  listAgents(
    organization: string,
    filter: { serviceId?: string; state?: AgentRecord['state'] },
    page: PageRequest,
  ): Promise<Page<AgentRecord>>;
  /** Every enrolment of a service, used and expired ones too, newest first. */
  enrolmentsOf(organization: string, serviceId: string): Promise<EnrolmentRecord[]>;
  /**
   * One transaction: uses a pending enrolment up for the agent that `service` names, revokes whom it takes over from,
   * and upserts the service. Whether the token was proved is for the caller to know.
   *
   * @throws service_taken when the service is another organization's
   */
  enrolAgent(enrolment: {
    id: string;
    signingKey: string;
    recipient: string;
    sequence: number;
    service: ServiceRecord;
  }): Promise<EnrolmentOutcome>;
  /**
   * One transaction: an enrolled agent was heard of, and its service is upserted. False, and nothing changed, when it
   * is not enrolled any more, or `sequence` is below the last.
   */
  recordAnnouncement(said: { id: string; sequence: number; service: ServiceRecord }): Promise<boolean>;
  /**
   * One transaction: revokes an enrolment or agent and takes its service from it. An agent that is revoked already
   * stays as it is.
   *
   * @param request.id of the enrolment, or the agent's own
   */
  revokeAgent(request: {
    id: string;
    organization: string;
    message: string;
  }): Promise<AgentRecord | undefined>;
  /** Ids of revoked agents of a service whose operations were not called off yet. */
  undismissedAgents(serviceId: string): Promise<string[]>;
  markDismissed(agentId: string): Promise<void>;

  /** Backups and restores whose status is not final, oldest first: what the reconciler compares with Temporal. */
  unfinished(): Promise<{ backups: BackupRecord[]; restores: RestoreRecord[] }>;

  createApiKey(
    key: Pick<ApiKeyRecord, 'organization' | 'role' | 'name' | 'shown' | 'expiresAt'> & { digest: string },
  ): Promise<ApiKeyRecord>;
  /** Also one that has ended: the caller is told why it is not taken. */
  findApiKey(digest: string): Promise<ApiKeyRecord | undefined>;
  /** In the order of their making; of every organization when none is named. */
  listApiKeys(organization?: string): Promise<ApiKeyRecord[]>;
  /** Ends a key for good. One that was revoked before keeps its time. @throws api_key_not_found */
  revokeApiKey(id: number): Promise<ApiKeyRecord>;
  /** Sets or, without a time, removes the end of a key. @throws api_key_not_found, api_key_revoked */
  expireApiKey(id: number, expiresAt?: string): Promise<ApiKeyRecord>;
  /** Records a use of a key, unless one after `before` is recorded. */
  touchApiKey(id: number, at: string, before: string): Promise<void>;

  /**
   * Claims an idempotency key that is new, has expired, or whose claim lapsed without an answer.
   *
   * @returns undefined when it is the caller's now; else what is there, without an answer while another works on it
   */
  claimKey(
    request: KeyClaim & { fingerprint: string; keepMs: number },
  ): Promise<{ fingerprint: string; answer?: string } | undefined>;
  renewKey(claim: KeyClaim): Promise<void>;
  /** Keeps the answer to a request that made nothing in the catalog. @throws request_in_progress */
  keepAnswer(receipt: Receipt<undefined>): Promise<void>;
  /** Gives a claim up. An answer that was kept stays. */
  releaseKey(claim: Omit<KeyClaim, 'leaseMs'>): Promise<void>;
  /** @returns how many of the expired keys were removed; at most 1,000 at once */
  removeExpiredKeys(): Promise<number>;

  /**
   * Writes down what is asked, before it is carried out; or, with `end`, what was refused before that.
   *
   * @returns the entry's id
   */
  addAuditEntry(entry: AuditIntent, end?: AuditEnd): Promise<number>;
  finishAuditEntry(id: number, end: AuditEnd): Promise<void>;
  listAudit(
    organization: string,
    filter: { operation?: string; subject?: string; outcome?: AuditOutcome },
    page: PageRequest,
  ): Promise<Page<AuditRecord>>;
}
