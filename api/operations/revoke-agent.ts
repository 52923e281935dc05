/** DELETE /agents/{id}: an agent may work no more. */
import { TidemarkError } from '../../domain/errors.ts';
import { empty, operation } from '../operation.ts';
import { agentPath } from '../schemas/agent.ts';
import { nothing } from '../schemas/common.ts';

export const revokeAgent = operation({
  name: 'revokeAgent',
  method: 'delete',
  path: '/agents/{id}',
  summary: 'Revoke an agent',
  description:
    "Takes an agent's service from it, or a token that was not used yet back. What the agent is working on is cancelled, its server is put back as it was, and then it releases its queues. The service and its backups stay. `id` is that of the list, or the agent's own.",
  role: 'administrator',
  params: agentPath,
  query: nothing,
  answer: empty,
  errors: ['agent_not_found'],
  async handle({ params: { id }, caller: { organization, subject } }, { catalog, orders }) {
    const message = `${subject} revoked it.`;
    const agent = await catalog.revokeAgent({ id, organization, message });
    if (!agent) {
      throw new TidemarkError(
        'agent_not_found',
        `There is no agent "${id.slice(0, 100)}". GET /agents lists them.`,
      );
    }
    if (agent.agentId !== undefined) await orders.dismiss(agent.agentId);
    return undefined;
  },
});
