/** Which hosts a drill may work on. */
import type { ProverOffer } from './offer.ts';
import type { Prover } from './types.ts';

/** An agent that offers itself. */
export interface ProverCandidate {
  agentId: string;
  serviceId: string;
  hostname: string;
  offer: ProverOffer;
  lastSeenAt: string;
}

/** How many are asked before a drill gives up. */
const askedAtMost = 3;

/**
 * Those that may prove a service, the best first: on another host rather than on its own, then whoever was heard of last.
 *
 * @param candidates of the organization of the service
 */
export function proversFor(
  service: { serviceId: string; hostname: string },
  candidates: readonly ProverCandidate[],
): Prover[] {
  return candidates
    .map(({ agentId, serviceId, hostname, offer, lastSeenAt }) => ({
      agentId,
      serviceId,
      hostname,
      ownHost: hostname === service.hostname || serviceId === service.serviceId,
      offer,
      lastSeenAt,
    }))
    .filter(({ ownHost, offer }) => !ownHost || offer.ownHost)
    .toSorted(
      (a, b) =>
        Number(a.ownHost) - Number(b.ownHost) ||
        // Of its own host another server rather than the one that serves.
        Number(a.serviceId === service.serviceId) - Number(b.serviceId === service.serviceId) ||
        Date.parse(b.lastSeenAt) - Date.parse(a.lastSeenAt),
    )
    .slice(0, askedAtMost)
    .map(({ offer: _offer, lastSeenAt: _seen, ...prover }) => prover);
}

/** Why a drill finds nobody, and how to get somebody. */
export function noProver(service: { serviceId: string; hostname: string }, offered: number): string {
  const known =
    offered === 0
      ? 'no agent offers itself as a prover'
      : `every agent that offers itself as a prover runs on ${service.hostname}, as the service does`;
  return (
    `The service ${service.serviceId} was not proven: ${known}. Give the agent of another host, of the same organization, ` +
    'the setting "prover" with a directory that has room for a copy, and start it again; with "own_host: true" an agent ' +
    'also proves services of its own host.'
  );
}
