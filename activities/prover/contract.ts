/** The activities of a prover: task queue `agent:<id>:prove`. */
import type { BackupFacts } from '../../domain/restore-plan.ts';
import type { ProofReport, ProofTarget } from '../../domain/proofs/types.ts';
import type { HostRestoreInput } from '../host/contract.ts';

export interface HostProofInput extends Pick<HostRestoreInput, 'workflowId' | 'bucket'> {
  proofId: number;
  /** The service that is proven. */
  serviceId: string;
  target: ProofTarget;
  facts: BackupFacts;
}

export interface HostProofActivities {
  /**
   * Brings a service back in a place of its own, checks every table, and removes the copy. Nothing of any server is
   * touched. Starts over when called again.
   *
   * @throws proof_failed, prover_busy, what restores throw
   */
  proveService(input: HostProofInput): Promise<ProofReport>;
}
