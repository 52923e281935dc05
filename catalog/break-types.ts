/** The part of the catalog that knows where archived binlogs break off. */
import type { ArchiveBreak } from '../domain/archive/breaks.ts';
import type { BackupRecord, ServiceRecord } from './types.ts';

export interface BreakRecord extends ArchiveBreak {
  /** The full that was begun for it, or was to begin anyway; left out where none was. */
  backupId?: string;
}

/** What becomes of breaks that nobody had decided about. */
export interface BreakDecision {
  breaks: BreakRecord[];
  /** The full that was ordered for them. */
  backup?: BackupRecord;
}

export interface BreakCatalog {
  /** Those that no full has succeeded after, in the order in which they were told of. */
  openBreaks(serviceIds: readonly string[]): Promise<Map<string, BreakRecord[]>>;
  /** The services that have one which is not decided about yet. */
  servicesWithUndecidedBreaks(): Promise<string[]>;
  /**
   * One transaction: each break of the service is decided about once. A full backup is ordered for them, Scheduled, and
   * its place asked for, unless one is there already that began, or is to begin, after the last of them.
   *
   * @param full what to order; left out where none is to be taken
   */
  decideBreaks(
    service: ServiceRecord,
    full?: {
      backupId: string;
      message: (breaks: readonly ArchiveBreak[]) => string;
      workflowId: (scheduleId: number) => string;
    },
  ): Promise<BreakDecision>;
  /** A full that began at `begunAt` has succeeded: what was found before is over. */
  endBreaks(serviceId: string, begunAt: string): Promise<void>;
  /** How many holes there are, by service; one without any is left out. */
  countHoles(serviceIds: readonly string[]): Promise<Map<string, number>>;
  /** The newest instant that a backup can bring back by itself, by service. */
  newestPoints(serviceIds: readonly string[]): Promise<Map<string, string>>;
}
