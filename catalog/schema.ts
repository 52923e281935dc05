/**
 * The tables of the catalog as they are now, for Kysely. The migrations make them; both databases have the same.
 *
 * - Times are text, RFC 3339 in UTC with milliseconds: their order as text is their order in time, on both.
 *   Those of archived binlogs have microseconds.
 * - JSON is text: nothing in it is searched for, so no database has to know its inside.
 * - Truth values are 0 and 1, because SQLite has no others.
 */
import type { Generated, Selectable } from 'kysely';
import type { ArchiveBreak } from '../domain/archive/breaks.ts';
import type { HoleCause } from '../domain/archive/facts.ts';
import type { BackupType, OperationStatus, RestoreMode, Role } from '../domain/operations.ts';
import type { AuditOutcome, AuditRecord } from './request-types.ts';
import type { CopyStatus } from '../domain/copies.ts';
import type { AgentRecord } from './agent-types.ts';
import type { BackupRecord, RestoreRecord } from './types.ts';
import type { PreviousRecord } from './undo-types.ts';

export interface Tables {
  /** One row. `storage`: where its backups are; empty until that is known. */
  deployment: { id: string; storage: string; unconfirmed_since: string | null };
  taken_over: { deployment_id: string; taken_over_at: string };
  services: ServicesTable;
  schedules: SchedulesTable;
  backups: BackupsTable;
  backup_counts: BackupCountsTable;
  restores: RestoresTable;
  places: PlacesTable;
  api_keys: ApiKeysTable;
  idempotency_keys: IdempotencyKeysTable;
  audit: AuditTable;
  service_settings: { service_id: string; settings: string; updated_at: string };
  nightlies: { service_id: string; schedule_id: number; made_at: string };
  removals: RemovalsTable;
  prunings: PruningsTable;
  agents: AgentsTable;
  verifications: VerificationsTable;
  external_buckets: ExternalBucketsTable;
  copies: CopiesTable;
  segments: SegmentsTable;
  stretches: StretchesTable;
  timelines: TimelinesTable;
  archive_holes: ArchiveHolesTable;
  follow_states: FollowStatesTable;
  followings: FollowingsTable;
  archive_breaks: ArchiveBreaksTable;
  drills: DrillsTable;
  proofs: ProofsTable;
  measurements: MeasurementsTable;
  object_looks: ObjectLooksTable;
  object_findings: ObjectFindingsTable;
  /** Kept by triggers on `backups` and `verifications`. */
  recovery_marks: { service_id: string; mark: string };
}

interface ServicesTable {
  service_id: string;
  service_name: string;
  organization: string;
  /** JSON */
  labels: string;
  cloud_provider: string;
  agent_id: string;
  server_name: string;
  server_version: string;
  server_running: number;
  /** JSON */
  layout: string;
  storage: string;
  hostname: string;
  agent_version: string;
  /** JSON */
  warnings: string;
  /** JSON; `null` when the agent does not say. */
  encryption: string;
  /** JSON; null where its agent proves no other services. */
  prover: string | null;
  registered_at: string;
  last_seen_at: string;
}

interface SchedulesTable {
  id: Generated<number>;
  organization: string;
  service_id: string;
  service_name: string;
  schedule: string;
  type: BackupType;
  status: OperationStatus;
  message: string;
  suspended: number;
  /** JSON */
  labels: string;
  created_at: string;
  updated_at: string;
  scheduled_at: string | null;
  backup_id: string | null;
  offset_seconds: Generated<number>;
  /** Counts what Temporal has to be told; 0 for a one-time schedule. */
  revision: Generated<number>;
  /** The newest revision that Temporal is known to have. */
  settled_revision: Generated<number>;
  counted_from: Generated<string | null>;
  begun_at: Generated<string | null>;
  skipped_at: Generated<string | null>;
  deleted_at: Generated<string | null>;
  /** Null: the managed storage. */
  external_bucket_id: string | null;
}

export interface BackupsTable {
  id: string;
  organization: string;
  service_id: string;
  service_name: string;
  server_name: string;
  schedule_id: number;
  type: BackupType;
  method: BackupRecord['method'];
  cloud_provider: string;
  status: OperationStatus;
  message: string;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  ended_at: string | null;
  point_in_time: string | null;
  reference_full_backup: string;
  /** Empty: it builds on none. */
  parent_backup: string;
  binlog_file: string | null;
  binlog_position: number | null;
  binlog_gtid: string | null;
  /** Of its binlog. Null where the manifest does not say. */
  timeline: string | null;
  /** Of a dump: whether it holds all of its server. Null where nobody knows. */
  dump_whole: number | null;
  dump_loose: number | null;
  stored_bytes: number;
  uncompressed_bytes: number;
  manifest_sha256: string;
  /** JSON */
  progress: string | null;
  due_since: string | null;
  /** Null: the managed storage. */
  external_bucket_id: string | null;
}

/** Kept by triggers on `backups`. */
interface BackupCountsTable {
  organization: string;
  /** Empty: all services of the organization together. */
  service_id: string;
  /** `YYYY-MM-DD` of `created_at`. */
  day: string;
  status: OperationStatus;
  type: BackupType;
  count: number;
}

interface RestoresTable {
  id: Generated<number>;
  organization: string;
  service_id: string;
  service_name: string;
  backup_id: string;
  mode: RestoreMode;
  type: RestoreRecord['type'];
  bucket: string;
  status: OperationStatus;
  message: string;
  workflow_id: string;
  created_at: string;
  updated_at: string;
  finished_at: string | null;
  point_in_time: string | null;
  /** JSON */
  progress: string | null;
  /** JSON */
  reached: string | null;
  /** Null: nothing that it replaced is kept, or it has not succeeded yet. */
  kept_until: string | null;
  previous: PreviousRecord['state'] | null;
  undo_workflow_id: string | null;
  undo_status: OperationStatus | null;
  /** JSON */
  undo: string | null;
  /** JSON; null for the backup's own instant. */
  recovery: string | null;
  /** Of a backup that Tidemark did not make: where it lies. */
  external_bucket_id: string | null;
  /** JSON; null: all of the backup. */
  part: string | null;
}

interface RemovalsTable {
  sequence: Generated<number>;
  backup_id: string;
  organization: string;
  service_id: string;
  schedule_id: number;
  whole: number;
  stored_bytes: number;
  reason: string;
  began_at: string;
  /** JSON: the locations of copies that are still to be removed. */
  copies: Generated<string>;
  /** Null: the managed storage. */
  external_bucket_id: string | null;
}

interface PlacesTable {
  sequence: Generated<number>;
  service_id: string;
  workflow_id: string;
  operation: string;
  held: number;
  requested_at: string;
}

interface ApiKeysTable {
  id: Generated<number>;
  organization: string;
  role: Role;
  name: string;
  shown: string;
  /** SHA-256 of the key. */
  digest: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

interface IdempotencyKeysTable {
  id: string;
  fingerprint: string;
  claim: string;
  claimed_until: string;
  /** Sealed; null while the request is carried out. */
  answer: string | null;
  expires_at: string;
}

interface AuditTable {
  id: Generated<number>;
  organization: string;
  operation: string;
  method: string;
  path: string;
  subject: string;
  how: AuditRecord['how'];
  /** Empty: the credentials have none. */
  role: Role | '';
  address: string;
  request_id: string;
  /** JSON */
  service_ids: string;
  /** JSON */
  record_ids: string;
  outcome: AuditOutcome;
  status: number | null;
  error: string | null;
  replayed: number;
  created_at: string;
  finished_at: string | null;
}

interface AgentsTable {
  id: string;
  organization: string;
  service_id: string;
  state: AgentRecord['state'];
  message: string;
  /** SHA-256 of the token, in hex digits; empty for an agent of before there were tokens. */
  token_digest: string;
  take_over: number;
  created_at: string;
  created_by: string;
  expires_at: string;
  agent_id: string | null;
  signing_key: string;
  recipient: string;
  sequence: number;
  hostname: string;
  agent_version: string;
  enrolled_at: string | null;
  last_seen_at: string | null;
  revoked_at: string | null;
  /** Of a revoked agent: whether what it was working on has been called off. */
  orders_ended: number;
}

interface VerificationsTable {
  backup_id: string;
  workflow_id: string;
  status: OperationStatus;
  message: string;
  created_at: string;
  updated_at: string;
  finished_at: string | null;
  objects_count: number;
  bytes_read: number;
  /** JSON */
  damaged: string;
  damaged_count: number;
  /** Whether the last one that ended with a result found damage. */
  known_damaged: number;
  /** JSON */
  progress: string | null;
}

interface ExternalBucketsTable {
  id: string;
  organization: string;
  location: string;
  /** Credentials, sealed. */
  sealed: string;
  created_at: string;
}

interface CopiesTable {
  backup_id: string;
  location: string;
  status: CopyStatus;
  message: string;
  attempts: number;
  created_at: string;
  updated_at: string;
  finished_at: string | null;
  due_at: string;
}

interface SegmentsTable {
  service_id: string;
  timeline: string;
  /** By which files follow one another: their names do not sort. */
  file_number: number;
  file: string;
  start_position: number;
  end_position: number;
  gtid_before: string;
  whole_end: number;
  gtid_after: string;
  first_event_at: string | null;
  last_event_at: string | null;
  sampled_from: string | null;
  sampled_to: string | null;
  closed: 'rotate' | 'stop' | null;
  stored_bytes: number;
  sha256: string;
  /** JSON */
  recipients: string;
  shipped_at: string;
}

interface StretchesTable {
  service_id: string;
  timeline: string;
  from_file: string;
  from_position: number;
  from_gtid: string;
  to_file: string;
  to_position: number;
  to_gtid: string;
  end_file: string;
  end_position: number;
  closed: 'rotate' | 'stop' | null;
  from_time: string | null;
  to_time: string | null;
  /** JSON */
  unsampled: string;
  bytes: number;
  stored_bytes: number;
  segments: number;
}

interface TimelinesTable {
  service_id: string;
  id: string;
  /** JSON */
  facts: string;
}

interface ArchiveHolesTable {
  service_id: string;
  timeline: string;
  from_file: string;
  from_position: number;
  cause: HoleCause;
  /** JSON */
  facts: string;
}

interface FollowStatesTable {
  service_id: string;
  looked_at: string;
  /** JSON */
  state: string;
}

interface PruningsTable {
  service_id: string;
  timeline: string;
  file: string;
  segments: number;
  stored_bytes: number;
  began_at: string;
}

interface FollowingsTable {
  service_id: string;
  follow_order: string;
  message: string;
  /** JSON */
  lags: string;
  updated_at: string;
}

interface ArchiveBreaksTable {
  service_id: string;
  id: string;
  cause: ArchiveBreak['cause'];
  message: string;
  /** 1: somebody is to hear of it. */
  alarming: number;
  found_at: string;
  told_at: string;
  /** 1: whether a full is begun for it was decided. */
  decided: number;
  /** The full that was begun, or was to begin anyway. */
  backup_id: string | null;
  /** When a full had succeeded that began after it. */
  ended_at: string | null;
}

interface DrillsTable {
  service_id: string;
  schedule: string;
  offset_seconds: number;
  set_at: string;
}

interface ProofsTable {
  id: Generated<number>;
  organization: string;
  service_id: string;
  workflow_id: string;
  status: OperationStatus;
  message: string;
  /** The stable name of an error. */
  code: string | null;
  backup_id: string | null;
  /** With six digits of a second. */
  point_in_time: string | null;
  /** JSON */
  prover: string | null;
  /** JSON */
  report: string | null;
  digest: string | null;
  /** JSON */
  progress: string | null;
  created_at: string;
  updated_at: string;
  finished_at: string | null;
}

interface MeasurementsTable {
  agent_id: string;
  /** Of a restore. */
  stage: string;
  measured_at: string;
  workflow_id: string;
  bytes: number;
  seconds: number;
}

interface ObjectLooksTable {
  service_id: string;
  looked_at: string;
}

interface ObjectFindingsTable {
  service_id: string;
  what: string;
  since: string;
  look: string;
}

export type ServiceRow = Selectable<ServicesTable>;
export type ScheduleRow = Selectable<SchedulesTable>;
export type BackupRow = Selectable<BackupsTable>;
export type RestoreRow = Selectable<RestoresTable>;
export type PlaceRow = Selectable<PlacesTable>;
export type ApiKeyRow = Selectable<ApiKeysTable>;
export type AuditRow = Selectable<AuditTable>;
export type RemovalRow = Selectable<RemovalsTable>;
export type PruningRow = Selectable<PruningsTable>;
export type AgentRow = Selectable<AgentsTable>;
export type SegmentRow = Selectable<SegmentsTable>;
export type StretchRow = Selectable<StretchesTable>;
export type FollowingRow = Selectable<FollowingsTable>;
export type BreakRow = Selectable<ArchiveBreaksTable>;
export type CopyRow = Selectable<CopiesTable>;
export type VerificationRow = Selectable<VerificationsTable>;
export type DrillRow = Selectable<DrillsTable>;
export type ProofRow = Selectable<ProofsTable>;
