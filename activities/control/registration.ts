/** What an agent says of its service, taken into the catalog once both are known to see the same store. */
import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { type Announcement, isTextWithin, type SignedAnnouncement } from '../../domain/operations.ts';
import { messageOf } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { within } from '../../storage/network/within.ts';
import { readProbe, writeProbe } from '../../storage/probe.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { admit, enrol, readAnnouncement, type Refusal } from './admission.ts';
import type { ControlActivities, RegistrationAnswer } from './contract.ts';
import { ordersOf } from './dismissals.ts';
import { giveNightly } from './nightly.ts';
import type { Plane } from './plane.ts';

/** How long the store is waited for; less than the activity has. Milliseconds. */
const storeMs = 20_000;

/** Of restores, by their workflows, that an announcement names. */
const [longestName, mostNames] = [200, 1_000];

const nothing: RegistrationAnswer = {
  accepted: false,
  reason: '',
  probe: '',
  agentId: '',
  revoked: false,
  finishing: false,
  lastSequence: 0,
  dismissed: [],
};

export function registrationActivities(plane: Plane): Pick<ControlActivities, 'registerService'> {
  return {
    async registerService(signed) {
      const { workflowId } = Context.current().info.workflowExecution ?? { workflowId: '' };
      return await takeAnnouncement(plane, signed, workflowId);
    },
  };
}

/** @param workflowId to whom it was signalled: an agent speaks in its own workflow alone */
export async function takeAnnouncement(
  plane: Plane,
  signed: SignedAnnouncement,
  workflowId: string,
): Promise<RegistrationAnswer> {
  const said = readAnnouncement(signed);
  if (said === undefined || workflowId !== workflowIds.agent(said.agentId)) {
    const reason =
      'The announcement is not signed by the agent that it names. An agent of an earlier version has to be ' +
      'upgraded; anything else has no business here.';
    plane.log.warn({ workflow: workflowId, reason }, 'An announcement was refused.');
    return { ...nothing, reason };
  }
  const answer = await register(plane, said, signed);
  if ('probe' in answer) return answer;
  const { reason, lastSequence = 0 } = answer;
  const { agentId, serviceId, organization, hostname } = said;
  plane.log.warn({ agentId, serviceId, organization, hostname, reason }, 'An announcement was refused.');
  return { ...nothing, agentId, reason, lastSequence, ...(await standingOf(plane, agentId)) };
}

/** What a refused agent may still do. */
async function standingOf(
  plane: Plane,
  agentId: string,
): Promise<Pick<RegistrationAnswer, 'revoked' | 'finishing' | 'dismissed'>> {
  const agent = await plane.catalog.findAgent(agentId);
  if (agent?.state !== 'revoked') return { revoked: false, finishing: false, dismissed: [] };
  const { serviceId, revokedAt = agent.createdAt } = agent;
  const undismissed = await plane.catalog.undismissedAgents(serviceId);
  return {
    revoked: true,
    finishing: (await ordersOf(plane, { serviceId, revokedAt })) !== undefined,
    dismissed: undismissed.filter((one) => one === agentId),
  };
}

async function register(
  plane: Plane,
  said: Announcement,
  { proof }: SignedAnnouncement,
): Promise<RegistrationAnswer | Refusal> {
  const { agentId, serviceId, organization } = said;
  const admission = await admit(plane.catalog, said, proof);
  if ('reason' in admission) return admission;
  const service = await plane.catalog.findService(serviceId);
  if (service && service.organization !== organization) {
    return {
      reason: `The service ${serviceId} belongs to another organization. Give this agent another service_id.`,
    };
  }
  // Before a token is used up, or a service taken over: an agent that writes elsewhere would be of no use.
  const seen = await compareStores(plane, said);
  if ('reason' in seen) return seen;
  const { problem, probe } = seen;
  if ('enrolment' in admission && problem !== undefined) return { reason: problem };
  const record = recordOf(said, service, problem);
  if ('enrolment' in admission) {
    const refusal = await enrol(plane.catalog, admission.enrolment, said, record);
    if (refusal) return refusal;
    plane.log.info({ agentId, serviceId, organization, hostname: said.hostname }, 'An agent was enrolled.');
  } else {
    const { id } = admission.known;
    const taken = await plane.catalog.recordAnnouncement({ id, sequence: said.sequence, service: record });
    // Revoked, or heard of again, in between.
    if (!taken) return { reason: 'The announcement was overtaken by another.' };
  }
  await giveNightly(plane, record);
  await plane.catalog.notePreviousGone(serviceId, namesAmong(said.previousGone));
  const dismissed = await plane.catalog.undismissedAgents(serviceId);
  return {
    ...nothing,
    accepted: true,
    agentId,
    probe,
    // One whose keys were replaced has the same name as this one, which goes on.
    dismissed: dismissed.filter((one) => one !== agentId),
  };
}

/** What an agent of another version may have meant otherwise is left out. */
function namesAmong(said: unknown): string[] {
  const names: unknown[] = Array.isArray(said) ? said : [];
  return names.filter((name) => isTextWithin(name, longestName)).slice(0, mostNames);
}

/**
 * Whether both sides see the same store. One that is away is for the service's warnings: an agent that is known goes
 * on, so that its server and its restores are looked after.
 */
async function compareStores(
  { store, log }: Plane,
  said: Announcement,
): Promise<{ probe: string; problem?: string } | Refusal> {
  const { agentId, storageProblem } = said;
  if (typeof storageProblem === 'string') return { probe: '', problem: storageProblem };
  try {
    return await within(storeMs, store.location, async (late) => {
      if ((await readProbe(store, agentId, 'agent', late)) !== said.probe) return otherStore(store, said);
      const probe = randomUUID();
      await writeProbe(store, agentId, 'control', probe, late);
      return { probe };
    });
  } catch (error) {
    const problem = `The control worker cannot use the object store: ${messageOf(error)}`;
    log.warn({ agentId, reason: problem }, 'Whether an agent has the same store could not be seen.');
    return { probe: '', problem };
  }
}

function otherStore(store: ObjectStore, { storage }: Announcement): Refusal {
  return {
    reason:
      `The control worker does not find in ${store.location} what the agent wrote to ${storage}. ` +
      'Give both the same storage; a local directory has to be shared.',
  };
}

function recordOf(
  said: Announcement,
  known: ServiceRecord | undefined,
  storageProblem: string | undefined,
): ServiceRecord {
  const {
    probe: _probe,
    storageProblem: _problem,
    signingKey: _key,
    recipient: _recipient,
    sequence: _sequence,
    previousGone: _gone,
    ...facts
  } = said;
  const { announcedAt, ...service } = facts;
  return {
    ...service,
    warnings: [...said.warnings, ...(storageProblem === undefined ? [] : [storageProblem])],
    registeredAt: known?.registeredAt ?? announcedAt,
    lastSeenAt: announcedAt,
  };
}
