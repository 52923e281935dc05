/** Who speaks for a service, and what is ordered with whatever it does. */
import { TidemarkError } from '../../domain/errors.ts';
import { dumpFilterOf, orderedEncryption } from '../../domain/service-settings.ts';
import type { FoundAgent } from './contract.ts';
import type { Plane } from './plane.ts';

/** @throws service_not_found, agent_revoked */
export async function findAgent({ catalog, defaults }: Plane, serviceId: string): Promise<FoundAgent> {
  const service = await catalog.findService(serviceId);
  if (!service) throw new TidemarkError('service_not_found', `There is no service "${serviceId}".`);
  if (service.agentId === '') throw withoutAgent(serviceId);
  const deploymentId = await catalog.deploymentId();
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  const encryption = orderedEncryption(settings, defaults);
  const { agentId, lastSeenAt } = service;
  const heedsEncryption = service.encryption !== undefined;
  const dump = dumpFilterOf(settings);
  const { keepPreviousMs } = settings;
  const kept = keepPreviousMs !== undefined && { keepPreviousMs };
  return { agentId, lastSeenAt, deploymentId, encryption, heedsEncryption, dump, ...kept };
}

function withoutAgent(serviceId: string): TidemarkError {
  return new TidemarkError(
    'agent_revoked',
    `The agent of ${serviceId} was revoked. Enrol one: POST /agents, or tidemark agents enroll --service ${serviceId}.`,
  );
}
