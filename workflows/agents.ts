/** Finding the agent of a service, and the proxies for its work. */
import { type ActivityInterfaceFor, proxyActivities, sleep } from '@temporalio/workflow';
import type { ControlActivities, FoundAgent } from '../activities/control/contract.ts';
import type { HostBulkActivities, HostControlActivities } from '../activities/host/contract.ts';
import type { DumpFilter } from '../domain/dump.ts';
import type { EncryptionPolicy } from '../domain/encryption.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { OperationTimings } from '../domain/operations.ts';
import { findingOf } from './failures.ts';
import {
  cleanup,
  controlBucket,
  controlPlane,
  controlWait,
  hostBulk,
  hostControl,
  hostPatient,
  hostPatientBulk,
  hostPing,
} from './profiles.ts';

export interface ControlPlane {
  /** Orders to the catalog and the store. */
  control: ActivityInterfaceFor<ControlActivities>;
  /** The same, for what waits. */
  waiting: ActivityInterfaceFor<ControlActivities>;
  /** What reads a backup, wherever it lies: in a customer's bucket not for ever. */
  reading(external: boolean | undefined): ActivityInterfaceFor<ControlActivities>;
}

export function controlPlaneOf(timings: OperationTimings): ControlPlane {
  const waiting = proxyActivities<ControlActivities>(controlWait(timings));
  const bounded = proxyActivities<ControlActivities>(controlBucket(timings));
  return {
    control: proxyActivities<ControlActivities>(controlPlane(timings)),
    waiting,
    reading: (external) => (external ? bounded : waiting),
  };
}

/** One agent, by the kind of work that is asked of it. */
export interface Agent {
  agentId: string;
  control: ActivityInterfaceFor<HostControlActivities>;
  bulk: ActivityInterfaceFor<HostBulkActivities>;
  /** Short orders that wait for the agent: where there is no way back any more. */
  patient: ActivityInterfaceFor<HostControlActivities>;
  /** Long work, likewise. */
  patientBulk: ActivityInterfaceFor<HostBulkActivities>;
  /** What puts things back: waits for the agent without limit. */
  cleanup: ActivityInterfaceFor<HostControlActivities>;
}

/** An agent that was just heard of. */
export interface ReachedAgent extends Agent {
  deploymentId: string;
  encryption?: EncryptionPolicy;
  /** Left out where it was not asked, as in histories of earlier versions. */
  heedsEncryption?: boolean;
  /** What a dump is to hold. */
  dump?: DumpFilter;
}

export function agentProxies(agentId: string, timings: OperationTimings): Agent {
  return {
    agentId,
    control: proxyActivities<HostControlActivities>(hostControl(agentId, timings)),
    bulk: proxyActivities<HostBulkActivities>(hostBulk(agentId, timings)),
    patient: proxyActivities<HostControlActivities>(hostPatient(agentId, timings)),
    patientBulk: proxyActivities<HostBulkActivities>(hostPatientBulk(agentId, timings)),
    cleanup: proxyActivities<HostControlActivities>(cleanup(agentId, timings)),
  };
}

/**
 * The agent of a service, once it answers. A service can change its agent while we wait, so it is looked up anew
 * each time.
 *
 * @param tell is told for whom we wait, and since when
 * @param first what was found a moment ago; left out to have it looked up
 * @throws agent_unavailable after `agentWaitMs`
 */
export async function reachAgent(
  plane: ControlPlane,
  serviceId: string,
  timings: OperationTimings,
  tell: (message: string) => Promise<void>,
  first?: FoundAgent,
): Promise<ReachedAgent> {
  const deadline = Date.now() + timings.agentWaitMs;
  // A short first try, so that a wait is told as one while it lasts.
  let patience = Math.min(5_000, timings.agentWaitMs / 4);
  for (let known = first; ; known = undefined) {
    const found = known ?? (await plane.control.findAgent({ serviceId }));
    const { agentId, lastSeenAt, deploymentId, encryption, heedsEncryption, dump } = found;
    const asked = Date.now();
    try {
      await proxyActivities<HostControlActivities>(hostPing(agentId, patience)).ping();
      return {
        ...agentProxies(agentId, timings),
        deploymentId,
        ...(encryption && { encryption }),
        ...(heedsEncryption !== undefined && { heedsEncryption }),
        ...(dump && { dump }),
      };
    } catch (error) {
      if (findingOf(error).code === 'operation_cancelled') throw error;
      const left = deadline - Date.now();
      const seen = `${lastSeenAt.slice(0, 10)} ${lastSeenAt.slice(11, 19)} UTC`;
      if (left <= 0) {
        throw new TidemarkError(
          'agent_unavailable',
          `The agent of ${serviceId} did not answer within ${Math.round(timings.agentWaitMs / 1000)} s (last seen ${seen}). ` +
            'Start the agent beside the server, or look into its log.',
        );
      }
      await tell(`Waiting for the agent of ${serviceId}, last seen ${seen}.`);
      // An agent that answers with an error at once must not turn this into a busy loop.
      await sleep(Math.max(0, Math.min(1_000, left) - (Date.now() - asked)));
      patience = Math.max(1_000, Math.min(15_000, left));
    }
  }
}
