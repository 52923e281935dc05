/** The words and inputs of operations, shared by who asks for them and who carries them out. */
import type { RecoveryTarget } from './archive/plan-types.ts';
import type { EncryptionPolicy } from './encryption.ts';
import type { SealedSource } from './foreign.ts';
import type { Layout } from './layout.ts';
import type { PartRequest } from './part.ts';
import type { Phase, Progress } from './progress.ts';
import type { ProverOffer } from './proofs/offer.ts';

export const backupTypes = ['full', 'incremental', 'binarylog', 'dump'] as const;
export type BackupType = (typeof backupTypes)[number];

export const operationStatuses = ['Scheduled', 'Running', 'Succeeded', 'Failed', 'Cancelled'] as const;
export type OperationStatus = (typeof operationStatuses)[number];

export function isFinal(status: OperationStatus): boolean {
  return status === 'Succeeded' || status === 'Failed' || status === 'Cancelled';
}

export const restoreModes = ['side-by-side', 'in-place'] as const;
export type RestoreMode = (typeof restoreModes)[number];

export const roles = ['viewer', 'operator', 'administrator'] as const;
export type Role = (typeof roles)[number];

/** Timings of a workflow, so that tests can shrink them. Milliseconds. */
export interface OperationTimings {
  /** How long a backup waits for its agent. */
  agentWaitMs: number;
  /** How long a backup waits for a database server that does not answer; left out by what began before it was set. */
  serverWaitMs?: number;
  /** How long a drill waits for a prover that is free; left out likewise. */
  proverWaitMs?: number;
  /** How long an order to the agent's control queue may wait to be picked up. */
  pickUpMs: number;
  /** How long an activity may be silent before it counts as dead. */
  heartbeatMs: number;
  /** First pause before another attempt. */
  retryMs: number;
}

export const defaultTimings: OperationTimings = {
  agentWaitMs: 10 * 60_000,
  serverWaitMs: 60_000,
  proverWaitMs: 12 * 60 * 60_000,
  pickUpMs: 30_000,
  heartbeatMs: 30_000,
  retryMs: 2_000,
};

/** A customer's bucket for one operation of one agent. */
export interface SealedBucket {
  /** `s3://bucket/prefix` */
  location: string;
  /** The credentials, sealed for the agent's own age key; base64. */
  sealed: string;
}

export interface BackupInput {
  backupId: string;
  scheduleId: number;
  serviceId: string;
  organization: string;
  type: BackupType;
  /** It goes to a customer's bucket; which one, the catalog knows. */
  external?: boolean;
  /** Why Tidemark began it by itself, a sentence for its message. */
  reason?: string;
  timings: OperationTimings;
}

/** The input of a run of a schedule. The rest is read from the catalog when it begins. */
export interface ScheduledRunInput {
  deploymentId: string;
  scheduleId: number;
}

export interface BackupCleanupInput {
  agentId: string;
  /** The order that the agent had. */
  order: {
    backupId: string;
    serviceId: string;
    workflowId: string;
    deploymentId: string;
    bucket?: SealedBucket;
  };
  /** It was to go to a customer's bucket, which still has to be sealed for the agent. */
  external?: boolean;
  timings: OperationTimings;
}

/** How far a restore goes beyond the backup that it begins with. */
export interface RecoveryOrder {
  /** Whose backup it is, and whose binlogs are replayed after it. */
  serviceId: string;
  /** Planned from the backup that the restore names. */
  target: RecoveryTarget;
}

export interface RestoreInput {
  restoreId: number;
  /** The workflow's own id, which also names the restore on its host. */
  workflowId: string;
  backupId: string;
  /** The service that is restored to. */
  serviceId: string;
  organization: string;
  mode: RestoreMode;
  /** The backup lies in a customer's bucket; which one, the catalog knows. */
  external?: boolean;
  /** It is none of Tidemark's: `backupId` is the object's path in a bucket, and which one, the catalog knows. */
  foreign?: boolean;
  /** Of a plan of such a one, sealed for the service's agent: the catalog has nothing of it. */
  source?: SealedSource;
  /** Binlogs are replayed after it; left out for the backup's own instant. */
  recovery?: RecoveryOrder;
  /** Only this of it is brought back, into the running server. */
  part?: PartRequest;
  timings: OperationTimings;
}

export interface UndoInput {
  /** The restore that is undone. */
  restoreId: number;
  /** The workflow's own id, by which one undo of a restore is told from another. */
  workflowId: string;
  /** That of the restore, which names it on its host. */
  restoreWorkflowId: string;
  serviceId: string;
  organization: string;
  /** Also when something was written since. */
  force: boolean;
  timings: OperationTimings;
}

export interface VerificationInput {
  /** The workflow's own id, by which its row is known. */
  workflowId: string;
  backupId: string;
  serviceId: string;
  timings: OperationTimings;
}

export interface CopyInput {
  backupId: string;
  serviceId: string;
  /** Where to, as the settings name them. */
  locations: string[];
  timings: OperationTimings;
}

/** What came of it. */
export interface CopyOutcome {
  /** Of all parts that are in the locations now. */
  bytes: number;
  copied: string[];
  failed: string[];
}

/** The answer to a workflow's query `status`. */
export interface WorkflowStatus<P extends Phase = Phase> {
  status: OperationStatus;
  phase: P;
  message: string;
  progress: Progress;
}

/** What an agent says of itself and of its server. Signalled, signed, to its workflow `agent/<agent_id>`. */
export interface Announcement {
  agentId: string;
  /** The public half of the key that signs: Ed25519, 32 bytes, base64. */
  signingKey: string;
  /** The age key to which the control worker seals what this agent needs: `age1…`. */
  recipient: string;
  /** Grows from one announcement to the next: one that was sent before is told from a new one. */
  sequence: number;
  organization: string;
  serviceId: string;
  serviceName: string;
  labels: Record<string, string>;
  cloudProvider: string;
  /** The server's own name, the third part of a backup id. */
  serverName: string;
  /** From the binary, so it is known with the server down. */
  serverVersion: string;
  serverRunning: boolean;
  layout: Layout;
  /** Where the agent stores backups, as a location without secrets: `file:///…`. */
  storage: string;
  /** Content of the probe object that the agent wrote to its store. */
  probe: string;
  /** Why it could not write one, as a sentence; left out when it could. */
  storageProblem?: string;
  hostname: string;
  agentVersion: string;
  /** What a person should know: no binlog, privileges missing, … Each a sentence. */
  warnings: string[];
  /** What its own settings say; left out by an agent of an earlier version. */
  encryption?: EncryptionPolicy;
  /** It brings other services back for drills; left out where it does not. */
  prover?: ProverOffer;
  /** Restores, by their workflows, of which it has removed what they replaced; left out where there are none. */
  previousGone?: string[];
  announcedAt: string;
}

/** The signal `announce`. */
export interface SignedAnnouncement {
  /** JSON of an {@link Announcement}: the very text that was signed. */
  announcement: string;
  /** Ed25519, base64. Also names the announcement in the query `registration`. */
  signature: string;
  /** Of an agent that is not enrolled yet: the HMAC that proves its token. */
  proof?: string;
}

/** How long an announcement may be, in characters: whoever reaches Temporal can send one, and some of it is kept. */
export const announcementLimits = { announcement: 100_000, signature: 200, proof: 200, reason: 2_000 };

/** Whether a text is there and no longer than it may be. */
export function isTextWithin(text: unknown, longest: number): text is string {
  return typeof text === 'string' && text !== '' && text.length <= longest;
}

/** The answer to the query `registration`, by the signature of the announcement that it is about. */
export interface Registration {
  signature: string;
  accepted: boolean;
  /** Why not; empty when accepted. */
  reason: string;
  /** This agent may work no more: somebody revoked it, or another one took its service over. */
  revoked: boolean;
  /** Revoked, but an operation that it began is still being ended: it has to serve its queues until that is over. */
  finishing: boolean;
  /** The highest sequence number known of this agent. */
  lastSequence: number;
}

/** The signal `agentDismissed` to an operation: the agent that it works with was revoked. */
export interface AgentDismissal {
  /** A sentence for the operation's message. */
  reason: string;
  /** It does not answer either: nobody will put anything back on its host. */
  gone: boolean;
}

/** The signal `makeWay` to a backup that Tidemark began by itself: it is cancelled besides, and taken again. */
export interface MakeWay {
  /** Who needs the service. */
  restoreId: number;
}
