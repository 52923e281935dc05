/** Letting an agent in: a token for one service, good once. The same for the API and for the command on the host. */
import type { Receipt } from '../catalog/request-types.ts';
import type { AgentRecord } from '../catalog/agent-types.ts';
import type { Catalog } from '../catalog/types.ts';
import { newEnrolmentToken, tokenLifetimeMs } from '../domain/enrolment.ts';
import { TidemarkError } from '../domain/errors.ts';

export interface EnrolmentRequest {
  organization: string;
  serviceId: string;
  /** Whether the agent may take the service over from another one. */
  takeOver: boolean;
  /** Until when the token is good: RFC 3339, at most a day ahead. Default: a day. */
  expiresAt?: string;
  /** Who asks, for the list. */
  createdBy: string;
}

/**
 * Makes a token. It is answered this once; the catalog keeps its digest.
 *
 * @param receipt keeps the answer for a request that may be repeated
 * @throws invalid_request, service_not_found for a service of another organization, agent_enrolled
 */
export async function issueEnrolment(
  catalog: Catalog,
  { organization, serviceId, takeOver, expiresAt, createdBy }: EnrolmentRequest,
  receipt: (token: string) => Receipt<AgentRecord> | undefined = () => undefined,
): Promise<{ enrolment: AgentRecord; token: string }> {
  const expires = expiryOf(expiresAt);
  const service = await catalog.findService(serviceId);
  if (service && service.organization !== organization) {
    throw new TidemarkError(
      'service_not_found',
      `There is no service "${serviceId}" that an agent could speak for.`,
    );
  }
  const rival = await catalog.findEnrolledAgent(serviceId);
  if (rival && rival.organization !== organization) {
    throw new TidemarkError(
      'service_not_found',
      `There is no service "${serviceId}" that an agent could speak for.`,
    );
  }
  if (rival && !takeOver) {
    throw new TidemarkError(
      'agent_enrolled',
      `The service "${serviceId}" has an agent: ${rival.agentId} on ${rival.hostname}, last seen ` +
        `${rival.lastSeenAt}. To replace it, let the new one take over ("take_over": true); its orders stop then.`,
    );
  }
  const { token, digest } = newEnrolmentToken();
  const enrolment = await catalog.createEnrolment({
    organization,
    serviceId,
    tokenDigest: digest,
    takeOver,
    createdBy,
    expiresAt: expires,
    receipt: receipt(token),
  });
  return { enrolment, token };
}

function expiryOf(asked: string | undefined): string {
  const latest = Date.now() + tokenLifetimeMs;
  if (asked === undefined) return new Date(latest).toISOString();
  const at = Date.parse(asked);
  // A minute for clocks that differ.
  if (at > Date.now() && at <= latest + 60_000) return new Date(at).toISOString();
  throw new TidemarkError(
    'invalid_request',
    `The field "expires_at" has to be a time within the next 24 hours, such as ${new Date(latest).toISOString()}.`,
  );
}
