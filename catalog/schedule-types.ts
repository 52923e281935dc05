/** Schedules in the catalog, and what Temporal should have of those that repeat. */
import type { BackupType } from '../domain/operations.ts';
import type { ScheduleFacts } from '../domain/schedule.ts';
import type { ExternalBucketRecord } from './external-bucket-types.ts';
import type { Receipt } from './request-types.ts';
import type { BackupRecord, Page, PageRequest, ServiceRecord } from './types.ts';

export interface ScheduleRecord extends ScheduleFacts {
  /** Counts from 1. */
  id: number;
  organization: string;
  serviceId: string;
  serviceName: string;
  /** Of the service; empty when unknown. */
  cloudProvider: string;
  type: BackupType;
  /** Of the customer's bucket, `s3://bucket/prefix`; left out for the managed storage, and once nothing needs the bucket. */
  externalLocation?: string;
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

/**
 * Why a run does not take a backup; `covered`: another run began since this one was due; `running`: the last backup has
 * not ended.
 */
export type RunRefusal = 'deleted' | 'suspended' | 'covered' | 'running';

export interface ScheduleFilter {
  serviceId?: string;
  type?: BackupType;
}

export interface ScheduleCatalog {
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
    /** Left out for the managed storage. */
    bucket?: ExternalBucketRecord | undefined;
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
}

/** Backups that Tidemark began by itself, and that a restore therefore does not wait for. */
export interface YieldingCatalog {
  /** Those of a service that have not ended, oldest first. */
  findYielding(serviceId: string): Promise<BackupRecord[]>;
  /**
   * One transaction: ends such a backup as Cancelled, with the restore that it made way for, and writes down the one
   * that is taken in its place, Scheduled, its place asked for. The same again is answered with the same backup.
   *
   * @param order.note what else is to be told of the one that ends
   * @returns undefined when none is taken again: the schedule was deleted or suspended, or the backup had ended before
   */
  yieldBackup(order: {
    backupId: string;
    restoreId: number;
    note: readonly string[];
    againId: string;
  }): Promise<BackupRecord | undefined>;
}
