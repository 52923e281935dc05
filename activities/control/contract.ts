/** The activities that any control worker can do: they touch the catalog, Temporal and the object store. */
import type { BackupSummary } from '../../domain/manifest.ts';
import type { Announcement, OperationStatus } from '../../domain/operations.ts';
import type { BackupFacts } from '../../domain/restore-plan.ts';
import type { Progress } from '../../domain/progress.ts';

export interface ControlActivities {
  /** Takes the service for one operation; waits, heartbeating, until it is free. */
  takePlace(input: {
    serviceId: string;
    workflowId: string;
    operation: string;
    backupId?: string;
  }): Promise<void>;
  releasePlace(input: { workflowId: string }): Promise<void>;
  /** The agent that speaks for a service now. @throws service_not_found */
  findAgent(input: {
    serviceId: string;
  }): Promise<{ agentId: string; lastSeenAt: string; deploymentId: string }>;
  updateBackup(input: {
    backupId: string;
    status?: OperationStatus;
    message?: string;
    progress?: Progress;
    summary?: BackupSummary;
  }): Promise<void>;
  updateRestore(input: {
    restoreId: number;
    status?: OperationStatus;
    message?: string;
    progress?: Progress;
    pointInTime?: string;
    reached?: Record<string, string | number>;
  }): Promise<void>;
  /** Reads a new backup's manifest back and compares it with what the agent answered. @throws object_missing, object_damaged */
  confirmBackup(input: BackupSummary): Promise<void>;
  /** What a restore has to know of a backup, from its manifest; sees that every part is there. @throws object_missing, object_damaged */
  readBackup(input: { backupId: string }): Promise<BackupFacts>;
  /**
   * Upserts what an agent says of its service. Where another agent speaks for the service, that one is answered as
   * `rival`; when it is given back as `silentRival`, because it did not answer, the service is taken over from it.
   */
  registerService(input: Announcement & { silentRival?: string }): Promise<RegistrationAnswer>;
  /** Removes the backups that have expired. @param input `now` is Temporal's own time, in Unix milliseconds */
  removeExpired(input: { now: number }): Promise<{ removed: number; nextMs: number }>;
  /** Compares the catalog with Temporal and settles what differs; also says when to look again. */
  reconcile(): Promise<{ started: number; settled: number; released: number; nextMs: number }>;
}

export interface RegistrationAnswer {
  accepted: boolean;
  /** Why not; empty when accepted. */
  reason: string;
  /** The agent that stands in the way; empty when none does. */
  rival: string;
  /** What the control worker wrote to its store for the agent to find. */
  probe: string;
}
