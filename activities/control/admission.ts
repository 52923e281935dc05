/**
 * Whether an announcement is what it says, and its agent may speak for the service: nothing that an agent has not
 * signed, and nothing of one that was not let in, gets into the catalog.
 */
import { isSignedBy, provesToken } from '../../domain/enrolment.ts';
import type { AgentRecord, EnrolmentRecord } from '../../catalog/agent-types.ts';
import type { Catalog, ServiceRecord } from '../../catalog/types.ts';
import {
  type Announcement,
  announcementLimits,
  isTextWithin,
  type SignedAnnouncement,
} from '../../domain/operations.ts';

/** Why an announcement is not taken, for whoever looks after the agent. */
export interface Refusal {
  reason: string;
  /** The highest sequence number known of this agent, when it fell behind it. */
  lastSequence?: number;
}

/** How an agent gets its service: it has it, or it uses up an enrolment. */
export type Admission = { known: AgentRecord } | { enrolment: EnrolmentRecord };

const longestIdentifier = 100;

/** What was announced; undefined when it is no announcement, or not signed with the key that it names. */
export function readAnnouncement(signed: SignedAnnouncement): Announcement | undefined {
  if (!isTextWithin(signed.announcement, announcementLimits.announcement)) return undefined;
  let content: Partial<Announcement> | null;
  try {
    content = JSON.parse(signed.announcement) as Partial<Announcement> | null;
  } catch {
    return undefined;
  }
  if (typeof content !== 'object' || content === null) return undefined;
  const { agentId, organization, serviceId, signingKey, recipient, announcedAt, sequence } = content;
  for (const text of [agentId, organization, serviceId, signingKey, recipient, announcedAt]) {
    if (typeof text !== 'string' || text === '' || text.length > longestIdentifier) return undefined;
  }
  const { signature, proof } = signed;
  if (!isTextWithin(signature, announcementLimits.signature) || !Number.isSafeInteger(sequence))
    return undefined;
  if (proof !== undefined && !isTextWithin(proof, announcementLimits.proof)) return undefined;
  return isSignedBy(signed, signingKey ?? '') ? (content as Announcement) : undefined;
}

/** How the agent may have its service, or why not. Nothing is changed. */
export async function admit(
  catalog: Catalog,
  said: Announcement,
  proof: string | undefined,
): Promise<Admission | Refusal> {
  const own = await catalog.findAgent(said.agentId);
  const isOwnKey = own?.signingKey === said.signingKey && own.state === 'enrolled';
  if (own && isOwnKey) return bound(own, said);
  if (proof !== undefined) {
    const answer = await tokenOf(catalog, said, proof);
    // The token that once let an agent in may lie on its host for ever: what counts is that it was revoked.
    if (!('reason' in answer) || own?.state !== 'revoked') return answer;
  }
  if (own?.state === 'revoked') {
    return {
      reason:
        `This agent may not work for the service ${said.serviceId} any more. ${own.message} ${howToEnrol(said)} ` +
        'Where another agent has the service now, let this one take over: take_over: true, or --take-over.',
    };
  }
  if (own) {
    return {
      reason:
        `The agent ${said.agentId} is enrolled with another key than this one has: an older state directory was put ` +
        `back, or somebody speaks in its name. ${howToEnrol(said)} Let it take over: take_over: true, or --take-over.`,
    };
  }
  return { reason: `This agent is not enrolled for the service ${said.serviceId}. ${howToEnrol(said)}` };
}

/** An enrolled agent speaks for the service that it was enrolled for, and for no other. */
function bound(own: AgentRecord, said: Announcement): Admission | Refusal {
  const { serviceId, organization, sequence } = own;
  if (serviceId !== said.serviceId || organization !== said.organization) {
    return {
      reason:
        `This agent is enrolled for the service ${serviceId} of the organization ${organization}. Set service_id and ` +
        'organization back, or give the agent of another service a state_directory of its own and enrol it.',
    };
  }
  if (said.sequence < sequence) {
    return { reason: 'The announcement is older than one that was taken.', lastSequence: sequence };
  }
  return { known: own };
}

async function tokenOf(
  catalog: Catalog,
  said: Announcement,
  proof: string,
): Promise<{ enrolment: EnrolmentRecord } | Refusal> {
  const enrolments = await catalog.enrolmentsOf(said.organization, said.serviceId);
  const enrolment = enrolments.find(({ tokenDigest }) => provesToken(proof, tokenDigest, said));
  const again = howToEnrol(said);
  if (!enrolment) {
    return {
      reason:
        `The enrolment token is not one for the service ${said.serviceId} of the organization ${said.organization}. ` +
        `See that the agent's service_id and organization are those of the token. ${again}`,
    };
  }
  if (enrolment.state === 'enrolled') return { reason: `The enrolment token was used already. ${again}` };
  if (enrolment.state === 'revoked') {
    return { reason: `The enrolment token was used or revoked already. ${again}` };
  }
  if (Date.parse(enrolment.expiresAt) <= Date.now()) {
    return { reason: `The enrolment token expired at ${enrolment.expiresAt}. ${again}` };
  }
  return { enrolment };
}

/** Uses an enrolment up. @returns why not, when something came in between or stands in the way */
export async function enrol(
  catalog: Catalog,
  enrolment: EnrolmentRecord,
  said: Announcement,
  service: ServiceRecord,
): Promise<Refusal | undefined> {
  const { signingKey, recipient, sequence, serviceId } = said;
  const answer = await catalog.enrolAgent({ id: enrolment.id, signingKey, recipient, sequence, service });
  switch (answer.outcome) {
    case 'enrolled':
      return undefined;
    case 'used':
      return { reason: `The enrolment token was used already. ${howToEnrol(said)}` };
    case 'elsewhere':
      return {
        reason:
          `This agent is enrolled for the service ${answer.serviceId}. Revoke it there, or give this agent a ` +
          'state_directory of its own.',
      };
    case 'rival':
      return { reason: rivalReason(serviceId, answer.rival) };
  }
}

function rivalReason(serviceId: string, { agentId = '', hostname, lastSeenAt = '' }: AgentRecord): string {
  return (
    `The service ${serviceId} has another agent: ${agentId} on ${hostname}, last seen ${lastSeenAt}. ` +
    'An administrator lets this one take over: POST /agents with take_over: true, or tidemark agents enroll ' +
    '--take-over; put the new token into enrolment_token_file. Or give this agent another service_id.'
  );
}

function howToEnrol({ serviceId, organization }: Announcement): string {
  return (
    `Have it enrolled by an administrator: tidemark agents enroll --service ${serviceId} --organization ` +
    `${organization}, or POST /agents; put the token into the file that enrolment_token_file names.`
  );
}
