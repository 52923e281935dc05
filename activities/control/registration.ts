/** What an agent says of its service, taken into the catalog once both are known to see the same store. */
import { randomUUID } from 'node:crypto';
import { agentTaskQueue } from '../../domain/ids.ts';
import type { Announcement } from '../../domain/operations.ts';
import { readProbe, writeProbe } from '../../storage/probe.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

/** A poll waits up to 60 s; one that was seen longer ago than this is of a process that is gone. */
const pollerFreshMs = 75_000;

export function registrationActivities(plane: Plane): Pick<ControlActivities, 'registerService'> {
  return {
    async registerService(announcement) {
      const known = await plane.catalog.findService(announcement.serviceId);
      const refusal = await refuse(plane, announcement, known);
      if (refusal !== '') return { accepted: false, reason: refusal, probe: '' };
      const probe = randomUUID();
      await writeProbe(plane.store, announcement.agentId, 'control', probe);
      await plane.catalog.upsertService(recordOf(announcement, known));
      return { accepted: true, reason: '', probe };
    },
  };
}

async function refuse(
  plane: Plane,
  announcement: Announcement,
  known: ServiceRecord | undefined,
): Promise<string> {
  const { agentId, serviceId, organization } = announcement;
  if (known && known.organization !== organization) {
    return `The service ${serviceId} belongs to another organization. Give this agent another service_id.`;
  }
  if (known && known.agentId !== agentId && (await isPolling(plane, known.agentId))) {
    return (
      `The service ${serviceId} has an agent on ${known.hostname} that is alive. ` +
      'Stop that one first, or give this agent another service_id.'
    );
  }
  const seen = await readProbe(plane.store, agentId, 'agent');
  if (seen !== announcement.probe) {
    return (
      `The control worker does not find in ${plane.store.location} what the agent wrote to ${announcement.storage}. ` +
      'Give both the same storage; a local directory has to be shared.'
    );
  }
  return '';
}

/** Whether a process of this agent has asked its control queue for work lately. */
async function isPolling({ client }: Plane, agentId: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: agentTaskQueue(agentId, 'control') },
    taskQueueType: 2, // TASK_QUEUE_TYPE_ACTIVITY
  });
  return (pollers ?? []).some(({ lastAccessTime }) => {
    const seconds = Number(lastAccessTime?.seconds ?? 0);
    return Date.now() - seconds * 1000 < pollerFreshMs;
  });
}

function recordOf(announcement: Announcement, known: ServiceRecord | undefined): ServiceRecord {
  const { probe: _probe, announcedAt, ...said } = announcement;
  return { ...said, registeredAt: known?.registeredAt ?? announcedAt, lastSeenAt: announcedAt };
}
