/** The part of the catalog that knows when services are proven, and what came of it. */
import type { OperationStatus } from '../domain/operations.ts';
import type { Progress } from '../domain/progress.ts';
import type { ErrorName } from '../domain/errors.ts';
import type { EarlierProof } from '../domain/proofs/verdict.ts';
import type { Prover, ProofReport } from '../domain/proofs/types.ts';
import type { ProverCandidate } from '../domain/proofs/provers.ts';
import type { Receipt } from './request-types.ts';
import type { Page, PageRequest, ServiceRecord } from './types.ts';

/** When a service is proven. */
export interface DrillRecord {
  serviceId: string;
  /** A cron expression in its normal form. */
  schedule: string;
  /** By which every run begins later. */
  offsetSeconds: number;
}

export interface ProofRecord {
  /** Counts from 1. */
  id: number;
  organization: string;
  serviceId: string;
  /** The workflow that carries it out. */
  workflowId: string;
  status: OperationStatus;
  message: string;
  createdAt: string;
  finishedAt?: string;
  /** Of one that failed: why, by its stable name. */
  code?: ErrorName;
  /** Left out until it was drawn what is brought back. */
  backupId?: string;
  /** Likewise; with six digits of a second. */
  pointInTime?: string;
  prover?: Prover;
  /** Of one that succeeded. */
  report?: ProofReport;
  progress?: Progress;
}

export type ProofPatch = Partial<
  Pick<ProofRecord, 'status' | 'message' | 'code' | 'finishedAt' | 'prover' | 'report' | 'progress'>
>;

/** What a service's list says of its proofs. */
export interface LatestProofs {
  /** The last that ended, as it may have. */
  last?: ProofRecord;
  /** The last that succeeded. */
  succeeded?: ProofRecord;
}

export interface ProofCatalog {
  /** Sets when a service is proven; undefined: never by itself. */
  setDrill(serviceId: string, drill: { schedule: string; offsetSeconds: number } | undefined): Promise<void>;
  findDrills(serviceIds: readonly string[]): Promise<Map<string, DrillRecord>>;
  listDrills(): Promise<DrillRecord[]>;

  /**
   * Writes a proof down, Scheduled. While one of the service has not ended, that one is answered; the same workflow is
   * answered with its own.
   */
  beginProof(order: {
    service: ServiceRecord;
    workflowId: string;
    message: string;
    receipt?: Receipt<ProofRecord> | undefined;
  }): Promise<ProofRecord>;
  findProof(workflowId: string): Promise<ProofRecord | undefined>;
  listProofs(serviceId: string, page: PageRequest): Promise<Page<ProofRecord>>;
  /**
   * What is brought back: nothing of it is removed before the proof has ended.
   *
   * @throws backup_not_found when the backup was removed meanwhile
   */
  aimProof(
    workflowId: string,
    target: { serviceId: string; backupId: string; pointInTime: string },
  ): Promise<void>;
  /** False when it has ended. */
  updateProof(workflowId: string, patch: ProofPatch): Promise<boolean>;
  /** The newest other proof that succeeded of the same instant of the same backup. */
  findEarlierProof(record: ProofRecord): Promise<EarlierProof | undefined>;
  findLatestProofs(serviceIds: readonly string[]): Promise<Map<string, LatestProofs>>;
  /** Services that were proven, or tried to be, or are to be; in the order of their ids. */
  provenServices(after: string, limit: number): Promise<string[]>;
  /** The agents of an organization that offer themselves. */
  listProvers(organization: string): Promise<ProverCandidate[]>;
}
