/** The part of the catalog that knows what came of reading backups back. */
import type { OperationStatus } from '../domain/operations.ts';
import type { Progress } from '../domain/progress.ts';
import type { Damage, Examination } from '../domain/verification.ts';
import type { Receipt } from './request-types.ts';
import type { BackupRecord } from './types.ts';

/** The latest verification of a backup. */
export interface VerificationRecord {
  backupId: string;
  serviceId: string;
  /** The workflow that carries it out; by it one verification is told from the next. */
  workflowId: string;
  status: OperationStatus;
  message: string;
  createdAt: string;
  finishedAt?: string;
  /** 0 until it has ended. */
  objectsCount: number;
  bytesRead: number;
  damaged: Damage[];
  damagedCount: number;
  progress?: Progress;
}

export type VerificationPatch = Partial<
  Pick<VerificationRecord, 'status' | 'message' | 'progress' | 'finishedAt'>
> & {
  /** What was found: also whether the backup counts as damaged from now on. */
  examination?: Examination;
};

export interface VerificationCatalog {
  /**
   * Writes a verification down, Scheduled, in place of the one before; while one has not ended, that one is answered.
   *
   * @throws backup_not_found when the backup was removed meanwhile
   */
  beginVerification(order: {
    backup: BackupRecord;
    workflowId: string;
    message: string;
    receipt?: Receipt<VerificationRecord> | undefined;
  }): Promise<VerificationRecord>;
  findVerification(backupId: string): Promise<VerificationRecord | undefined>;
  /** False when it has ended, or is no more: it was removed together with its backup. */
  updateVerification(workflowId: string, patch: VerificationPatch): Promise<boolean>;
}
