/** The activities that any control worker can do: they touch the catalog, Temporal and the object store. */
import type { FollowState } from '../../domain/archive/facts.ts';
import type { TakenReports } from '../../domain/archive/following.ts';
import type { CopyStatus } from '../../domain/copies.ts';
import type { DumpFilter } from '../../domain/dump.ts';
import type { EncryptionPolicy } from '../../domain/encryption.ts';
import type { SealedSource } from '../../domain/foreign.ts';
import type { BackupBase, BackupSummary } from '../../domain/manifest.ts';
import type {
  BackupInput,
  OperationStatus,
  RecoveryOrder,
  Registration,
  SealedBucket,
  SignedAnnouncement,
} from '../../domain/operations.ts';
import type { ProofReport, ProofTarget, Prover } from '../../domain/proofs/types.ts';
import type { RecoveryPlan } from '../../domain/archive/plan-types.ts';
import type { HostMeasurements } from '../../domain/archive/rates.ts';
import type { BackupFacts } from '../../domain/restore-plan.ts';
import type { Progress } from '../../domain/progress.ts';
import type { Examination } from '../../domain/verification.ts';
import type { HostFollowInput, RangeBegin } from '../host/contract.ts';

/** Who speaks for a service. */
export interface FoundAgent {
  agentId: string;
  lastSeenAt: string;
  deploymentId: string;
  /** For its new backups, as far as deployment and service say. Not in the histories of earlier versions. */
  encryption?: EncryptionPolicy;
  /** Whether the agent knows of such orders, by its last announcement. Not in the histories of earlier versions. */
  heedsEncryption?: boolean;
  /** What a dump is to hold. Not in the histories of earlier versions. */
  dump?: DumpFilter;
  /** How long what a restore replaces is kept; left out: as the agent's own settings say. */
  keepPreviousMs?: number;
}

export interface ControlActivities {
  /**
   * Takes the service for one operation; waits, heartbeating, until it is free. The row of the backup or restore says
   * for whom; for a restore, a backup that Tidemark began by itself is called off.
   *
   * @param input `findsAgent`: who its agent is then is the answer; control workers of an earlier version do not say it
   * @throws with `findsAgent` as `findAgent`, the place taken
   */
  takePlace(input: {
    serviceId: string;
    workflowId: string;
    operation: string;
    backupId?: string;
    restoreId?: number;
    /** Of that restore. */
    undo?: true;
    findsAgent?: true;
  }): Promise<FoundAgent | undefined>;
  releasePlace(input: { workflowId: string }): Promise<void>;
  /** The agent that speaks for a service now. @throws service_not_found, agent_revoked */
  findAgent(input: { serviceId: string }): Promise<FoundAgent>;
  /**
   * The credentials of the bucket that a backup lies in, or is to lie in, sealed for one agent.
   *
   * @throws backup_not_found when nothing is known of a bucket, agent_outdated when the agent has no key for it,
   *   sealing_key_missing
   */
  sealBucket(input: { backupId: string; agentId: string }): Promise<SealedBucket>;
  /**
   * Where somebody else's backup lies, with credentials and key sealed for the agent of the service that is restored.
   *
   * @throws restore_not_found when nothing is known of a source, sealed_for_another when it is another agent, agent_outdated
   *   when the agent has no key for it, sealing_key_missing
   */
  sealSource(input: { restoreId: number; agentId: string }): Promise<SealedSource>;
  /**
   * What an incremental builds on, proven to be there and written down; or why there is nothing. Says besides whether its
   * order repeats, so that a full may be taken in its place.
   */
  chooseBase(input: {
    backupId: string;
  }): Promise<({ base: BackupBase; reason?: never } | NoBaseAnswer) & { repeats: boolean }>;
  /** A backup that was to be an incremental is taken as a full. */
  becomeFull(input: { backupId: string; message: string }): Promise<void>;
  updateBackup(input: {
    backupId: string;
    status?: OperationStatus;
    message?: string;
    progress?: Progress;
    summary?: BackupSummary;
  }): Promise<void>;
  /** Ends a backup that made way for a restore, and orders the one that is taken in its place. Repeatable. */
  yieldBackup(input: { backupId: string; restoreId: number; note: string[] }): Promise<void>;
  updateRestore(input: {
    restoreId: number;
    status?: OperationStatus;
    message?: string;
    progress?: Progress;
    pointInTime?: string;
    reached?: Record<string, string | number>;
    /** When what it replaced is removed at the latest. */
    keptUntil?: string;
    /** Of one that succeeded: what it took. */
    measured?: HostMeasurements;
  }): Promise<void>;
  updateUndo(input: {
    restoreId: number;
    /** The undo's own. */
    workflowId: string;
    status: OperationStatus;
    message: string;
    progress?: Progress;
    notServingMs?: number;
  }): Promise<void>;
  /** Of one that was removed together with its backup nothing is recorded. */
  updateVerification(input: {
    workflowId: string;
    status: OperationStatus;
    message: string;
    progress?: Progress;
    examination?: Examination;
  }): Promise<void>;
  /**
   * Writes down that a proof goes on; of a schedule's run, that there is one. None where another one of the service is under
   * way.
   */
  beginProof(input: { serviceId: string; workflowId: string }): Promise<{ proofId?: number }>;
  /**
   * Draws what is brought back, pins it, and tells who may do it, the best first.
   *
   * @throws nothing_to_prove, prover_missing
   */
  aimProof(input: {
    serviceId: string;
    workflowId: string;
  }): Promise<{ target: ProofTarget; provers: [Prover, ...Prover[]] }>;
  updateProof(input: {
    workflowId: string;
    status: OperationStatus;
    message: string;
    /** Of one that failed: why, by its stable name. */
    code?: string;
    prover?: Prover;
    progress?: Progress;
  }): Promise<void>;
  /** Records what a prover found. @throws proof_failed when an earlier proof of the same found something else */
  recordProof(input: {
    workflowId: string;
    prover: Prover;
    report: ProofReport;
    progress: Progress;
  }): Promise<{ message: string }>;
  /** Of a copy that is not wanted any more, as when its backup was removed, nothing is recorded. */
  updateCopy(input: {
    backupId: string;
    location: string;
    status: CopyStatus;
    message: string;
    /** Of one that failed: why, by its stable name. */
    code?: string;
  }): Promise<{ wanted: boolean }>;
  /**
   * Reads a new backup's manifest back, and compares it with what the agent answered and with how it was to be
   * encrypted.
   *
   * @param input with `ending` the row is ended as well; control workers of an earlier version do not, and say nothing
   * @throws object_missing, object_damaged, encryption_required
   */
  confirmBackup(
    input: BackupSummary & {
      encryption?: EncryptionPolicy;
      ending?: { message: string; progress: Progress };
    },
  ): Promise<{ ended: true } | undefined>;
  /** What a restore has to know of a backup, from its manifest; sees that every part is there. @throws object_missing, object_damaged */
  readBackup(input: { backupId: string }): Promise<BackupFacts>;
  /** Which binlogs lead from the backup to the target. @throws outside_window */
  planRecovery(input: { backupId: string; recovery: RecoveryOrder }): Promise<RecoveryPlan>;
  /**
   * Takes what an agent says of its service, when the agent signed it and is enrolled, or proves a token that enrols it.
   * Repeatable.
   */
  registerService(input: SignedAnnouncement): Promise<RegistrationAnswer>;
  /** Removes the backups that have expired. @param input `now` is Temporal's own time, in Unix milliseconds */
  removeExpired(input: { now: number }): Promise<{ removed: number; nextMs: number }>;
  /** Removes the objects of backups that have left the catalog; says of how many it could not. */
  removeDeleted(): Promise<{ left: number }>;
  /** Cancels what a revoked agent is working on. None, or an agent that is not revoked, is no error. */
  endOrders(input: { agentId: string }): Promise<void>;
  /** Lets the same end without its agent, which is not there. */
  abandonOrders(input: { agentId: string }): Promise<void>;
  /**
   * Writes down the backup of a run of a schedule. The same run again is answered with the same backup; a run that
   * is to take none, with the reason.
   */
  beginRun(input: {
    deploymentId: string;
    scheduleId: number;
    /** Tells this run from all others. */
    runId: string;
    dueAt: string;
  }): Promise<
    | { backup: BackupInput; /** When the next run is due. */ nextDueAt: string }
    | { backup?: never; message: string }
  >;
  /** Records that a run which came due was skipped. Without `nextDueAt` no further one will be. */
  skipRun(input: { scheduleId: number; dueAt: string }): Promise<{ nextDueAt?: string }>;
  /** Whether a backup has ended, or is no more. */
  isRunOver(input: { backupId: string }): Promise<boolean>;
  /** Who is to follow the binlog of a service, and how; or why nobody is. */
  planFollowing(input: { serviceId: string }): Promise<FollowPlan>;
  /**
   * Takes what a follower has shipped into the catalog. What its agent did not sign for this session, after what was
   * taken before, is left out and logged. Repeatable.
   *
   * @param input `reports` as they were signalled, by whomever; `endLeftOut`: what it has shipped first ends the stretch
   *   for which archiving was switched off
   */
  recordArchive(input: {
    serviceId: string;
    agentId: string;
    session: string;
    /** The sequence of the last that was taken in this session. */
    after: number;
    reports: unknown[];
    endLeftOut: boolean;
  }): Promise<TakenReports>;
  /** Where a binarylog backup begins. @throws binlog_not_archived */
  chooseRange(input: { backupId: string }): Promise<RangeBegin>;
  /** Waits until the catalog has what was shipped. */
  awaitArchived(input: { serviceId: string; reached: FollowState }): Promise<void>;
  /** What keeps the binlog of a service from being followed, a sentence. */
  tellFollowing(input: { serviceId: string; message: string }): Promise<void>;
  /** Nothing is followed any more. @param input `off`: by the settings, and the archive says so */
  endFollowing(input: { serviceId: string; reason: string; off: boolean }): Promise<void>;
  /** Compares the catalog with Temporal and settles what differs; also says when to look again. */
  reconcile(): Promise<{
    started: number;
    /** Backups whose copying was begun. */
    copies?: number;
    settled: number;
    released: number;
    /** Schedules that Temporal was brought to. */
    schedules: number;
    /** Followers of binlogs that were begun, or told of another order. */
    followers?: number;
    nextMs: number;
  }>;
}

export type FollowPlan =
  | {
      verdict: 'follow';
      agentId: string;
      /** Differs where it has to be begun anew. */
      order: string;
      input: HostFollowInput;
      /** Archiving was switched off before, and is on again. */
      leftOut: boolean;
    }
  | { verdict: 'wait'; reason: string }
  | { verdict: 'none'; reason: string; /** It was switched off. */ off: boolean };

export interface NoBaseAnswer {
  base?: never;
  /** A sentence. */
  reason: string;
}

/** What a control worker does of long work, on a queue of its own. */
export interface ControlBulkActivities {
  /** Reads a backup, and all that it builds on, back and compares it with its digests; what it finds is no failure. */
  examineBackup(input: { backupId: string }): Promise<Examination>;
  /**
   * Copies a backup to one of the further locations; what is there and right is not sent again.
   *
   * @throws backup_not_found when it was removed meanwhile, copy_location_unknown, and what the stores refuse
   */
  copyBackup(input: { backupId: string; location: string }): Promise<CopyResult>;
}

/** What there is of a copy now. */
export interface CopyResult {
  objects: number;
  bytes: number;
  /** Of those that were not there yet. */
  sentBytes: number;
}

export interface RegistrationAnswer extends Omit<Registration, 'signature'> {
  /** Whose announcement it was; empty for one that nobody signed. */
  agentId: string;
  /** What the control worker wrote to its store for the agent to find; empty when one side's store is away. */
  probe: string;
  /** Revoked agents of the service that have to be told, and whose operations have to be called off. */
  dismissed: string[];
}
