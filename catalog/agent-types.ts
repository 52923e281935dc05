/** Agents in the catalog: who may speak for which service. */
import type { Receipt } from './request-types.ts';
import type { Page, PageRequest, ServiceRecord } from './types.ts';

/** A token that waits for its agent (`pending`), an agent (`enrolled`), or one that may work no more (`revoked`). */
export interface AgentRecord {
  /** Of the enrolment: 32 hex digits. */
  id: string;
  organization: string;
  serviceId: string;
  state: 'pending' | 'enrolled' | 'revoked';
  message: string;
  /** Whether it may take the service over from another agent. */
  takeOver: boolean;
  createdAt: string;
  /** Who let it in. */
  createdBy: string;
  /** Until when the token is good. */
  expiresAt: string;
  /** From here on: known once the token was used. Texts are empty before. */
  agentId?: string;
  signingKey: string;
  recipient: string;
  /** Of its last announcement. */
  sequence: number;
  hostname: string;
  agentVersion: string;
  enrolledAt?: string;
  lastSeenAt?: string;
  revokedAt?: string;
}

/** With what its token's proof is checked against: SHA-256 of it, in hex digits. */
export interface EnrolmentRecord extends AgentRecord {
  tokenDigest: string;
}

export type EnrolmentOutcome =
  | { outcome: 'enrolled' }
  /** Used, expired or revoked meanwhile. */
  | { outcome: 'used' }
  /** This agent is enrolled for another service. */
  | { outcome: 'elsewhere'; serviceId: string }
  /** Another agent speaks for the service, and the token does not allow to take over. */
  | { outcome: 'rival'; rival: AgentRecord };

export interface AgentCatalog {
  /** Writes an enrolment down, pending. */
  createEnrolment(enrolment: {
    organization: string;
    serviceId: string;
    tokenDigest: string;
    takeOver: boolean;
    createdBy: string;
    expiresAt: string;
    receipt?: Receipt<AgentRecord> | undefined;
  }): Promise<AgentRecord>;
  /** The newest enrolment of an agent, by the agent's own id. */
  findAgent(agentId: string): Promise<AgentRecord | undefined>;
  findEnrolledAgent(serviceId: string): Promise<AgentRecord | undefined>;
  /** By the time of creation; tokens that expired unused are left out. */
  listAgents(
    organization: string,
    filter: { serviceId?: string; state?: AgentRecord['state'] },
    page: PageRequest,
  ): Promise<Page<AgentRecord>>;
  /** Every enrolment of a service, used and expired ones too, newest first. */
  enrolmentsOf(organization: string, serviceId: string): Promise<EnrolmentRecord[]>;
  /**
   * One transaction: uses a pending enrolment up for the agent that `service` names, revokes whom it takes over from,
   * and upserts the service. Whether the token was proved is for the caller to know.
   *
   * @throws service_taken when the service is another organization's
   */
  enrolAgent(enrolment: {
    id: string;
    signingKey: string;
    recipient: string;
    sequence: number;
    service: ServiceRecord;
  }): Promise<EnrolmentOutcome>;
  /**
   * One transaction: an enrolled agent was heard of, and its service is upserted. False, and nothing changed, when it
   * is not enrolled any more, or `sequence` is below the last.
   */
  recordAnnouncement(said: { id: string; sequence: number; service: ServiceRecord }): Promise<boolean>;
  /**
   * One transaction: revokes an enrolment or agent and takes its service from it. An agent that is revoked already
   * stays as it is.
   *
   * @param request.id of the enrolment, or the agent's own
   */
  revokeAgent(request: {
    id: string;
    organization: string;
    message: string;
  }): Promise<AgentRecord | undefined>;
  /** Ids of revoked agents of a service whose operations were not called off yet. */
  undismissedAgents(serviceId: string): Promise<string[]>;
  markDismissed(agentId: string): Promise<void>;
}
