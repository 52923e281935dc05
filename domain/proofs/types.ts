/** The words and inputs of drills, which bring a service back elsewhere and check what came of it. */
import type { BinlogRange, RecoveryStop } from '../archive/plan-types.ts';
import type { StageMeasurement } from '../archive/rates.ts';
import type { OperationTimings } from '../operations.ts';

/** A host that a drill may work on. */
export interface Prover {
  agentId: string;
  serviceId: string;
  hostname: string;
  /** The service that is proven runs on the same host: its loss is not what is practised. */
  ownHost: boolean;
}

/** The input of the workflow `proof`. */
export interface ProofInput {
  serviceId: string;
  deploymentId: string;
  /** Left out by a schedule, whose workflow writes its own row. */
  proofId?: number;
  timings: OperationTimings;
}

/** What is brought back. */
export interface ProofTarget {
  backupId: string;
  /** The backup lies in a customer's bucket. */
  external: boolean;
  /** With six digits of a second. */
  time: string;
  ranges: BinlogRange[];
  stop: RecoveryStop;
}

/** How long each part took, in seconds. */
export type ProofSeconds = Record<'fetching' | 'preparing' | 'replaying' | 'checking' | 'total', number>;

/** What a prover found: the copy is as it should be. */
export interface ProofReport {
  /** What the copy was brought to, with the names of the API. */
  reached: Record<string, string | number>;
  seconds: ProofSeconds;
  tables: number;
  rows: number;
  /** SHA-256 over the row counts and checksums of all tables of users, in hex digits. */
  digest: string;
  /** What a person should know, each a sentence. */
  warnings: string[];
  /** For the estimates of restores on the prover. Left out by agents of earlier versions. */
  measured?: StageMeasurement[];
}
