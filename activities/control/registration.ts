/** What an agent says of its service, taken into the catalog once both are known to see the same store. */
import { randomUUID } from 'node:crypto';
import type { Announcement } from '../../domain/operations.ts';
import { readProbe, writeProbe } from '../../storage/probe.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

export function registrationActivities(plane: Plane): Pick<ControlActivities, 'registerService'> {
  return {
    async registerService({ silentRival, ...announcement }) {
      const known = await plane.catalog.findService(announcement.serviceId);
      const refusal = await refuse(plane, announcement, known, silentRival);
      if (refusal) return { accepted: false, rival: '', probe: '', ...refusal };
      const probe = randomUUID();
      await writeProbe(plane.store, announcement.agentId, 'control', probe);
      await plane.catalog.upsertService(recordOf(announcement, known));
      return { accepted: true, reason: '', rival: '', probe };
    },
  };
}

async function refuse(
  plane: Plane,
  announcement: Announcement,
  known: ServiceRecord | undefined,
  silentRival: string | undefined,
): Promise<{ reason: string; rival?: string } | undefined> {
  const { agentId, serviceId, organization } = announcement;
  if (known && known.organization !== organization) {
    const reason = `The service ${serviceId} belongs to another organization. Give this agent another service_id.`;
    return { reason };
  }
  if (known && known.agentId !== agentId && known.agentId !== silentRival) {
    const reason =
      `The service ${serviceId} has an agent on ${known.hostname} that is alive. ` +
      'Stop that one first, or give this agent another service_id.';
    return { reason, rival: known.agentId };
  }
  const seen = await readProbe(plane.store, agentId, 'agent');
  if (seen !== announcement.probe) {
    const reason =
      `The control worker does not find in ${plane.store.location} what the agent wrote to ${announcement.storage}. ` +
      'Give both the same storage; a local directory has to be shared.';
    return { reason };
  }
  return undefined;
}

function recordOf(announcement: Announcement, known: ServiceRecord | undefined): ServiceRecord {
  const { probe: _probe, announcedAt, ...said } = announcement;
  return { ...said, registeredAt: known?.registeredAt ?? announcedAt, lastSeenAt: announcedAt };
}
