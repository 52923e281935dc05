/** The part of the catalog that knows where else backups are kept. */
import type { CopyStatus } from '../domain/copies.ts';

export interface CopyRecord {
  backupId: string;
  /** As the settings have it. */
  location: string;
  status: CopyStatus;
  message: string;
  /** How often it failed since it last succeeded. */
  attempts: number;
  createdAt: string;
  updatedAt: string;
  /** When it succeeded. */
  finishedAt?: string;
}

export type CopyPatch = Partial<Pick<CopyRecord, 'status' | 'message'>> & {
  /** Of one that failed: when it may be tried again. */
  dueAt?: string;
};

/** The copies of one backup that are still to be made. */
export interface MissingCopies {
  backupId: string;
  serviceId: string;
  locations: string[];
}

export interface CopyCatalog {
  /**
   * Writes down, Scheduled, the copies that backups of these services lack in one location: of those that succeeded and
   * do not lie in a customer's bucket. What is written down already stays as it is.
   *
   * @param order `backupId`: of this one alone
   * @returns how many were written down
   */
  orderCopies(order: {
    services: readonly { organization: string; serviceId: string }[];
    location: string;
    backupId?: string;
  }): Promise<number>;
  /** In the order of their locations. Those of a backup that has none are left out. */
  findCopies(backupIds: readonly string[]): Promise<Map<string, CopyRecord[]>>;
  /**
   * What has not succeeded in any of these locations and may be tried now, by backup: the oldest backup first, so that
   * what others build on is copied before them.
   *
   * @param limit of backups
   */
  missingCopies(locations: readonly string[], limit: number): Promise<MissingCopies[]>;
  /** False when there is none of it any more: the backup was removed meanwhile, or the copy is not wanted any more. */
  updateCopy(backupId: string, location: string, patch: CopyPatch): Promise<boolean>;
  /** Forgets one that did not succeed. What lies there was removed before. */
  forgetCopy(backupId: string, location: string): Promise<void>;
  /** How many have not succeeded, by location and status. */
  countMissingCopies(): Promise<{ location: string; status: CopyStatus; count: number }[]>;
}
