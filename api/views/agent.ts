/** An agent's record as the API shows it. */
import type { AgentRecord } from '../../catalog/agent-types.ts';
import type { AgentView } from '../schemas/agent.ts';
import { given, wholeSeconds } from './format.ts';
import { silenceMs } from './service.ts';

export function agentView(record: AgentRecord, now: number): AgentView {
  const { lastSeenAt, state } = record;
  const seconds = (instant: string | undefined): string | undefined => instant && wholeSeconds(instant);
  return {
    id: record.id,
    ...given('agent_id', record.agentId),
    service_id: record.serviceId,
    state,
    message: record.message,
    take_over: record.takeOver,
    hostname: record.hostname,
    version: record.agentVersion,
    alive: state === 'enrolled' && lastSeenAt !== undefined && now - Date.parse(lastSeenAt) < silenceMs,
    created_at: wholeSeconds(record.createdAt),
    created_by: record.createdBy,
    ...(state === 'pending' && { expires_at: wholeSeconds(record.expiresAt) }),
    ...given('enrolled_at', seconds(record.enrolledAt)),
    ...given('last_seen_at', seconds(lastSeenAt)),
    ...given('revoked_at', seconds(record.revokedAt)),
  };
}
