/** GET /agents: who may speak for which service. */
import { operation } from '../operation.ts';
import { agentList, agentListQuery } from '../schemas/agent.ts';
import { nothing } from '../schemas/common.ts';
import { agentView } from '../views/agent.ts';
import { given, pageRequest, pagesCount } from '../views/format.ts';

export const listAgents = operation({
  name: 'listAgents',
  method: 'get',
  path: '/agents',
  summary: 'List agents',
  description:
    'Agents that are enrolled, tokens that wait for theirs, and agents that were revoked. A token that expired unused is left out.',
  role: 'viewer',
  params: nothing,
  query: agentListQuery,
  answer: agentList,
  errors: [],
  async handle({ query, caller }, { catalog }) {
    const filter = { ...given('serviceId', query.service_id), ...given('state', query.state) };
    const { items, count } = await catalog.listAgents(caller.organization, filter, pageRequest(query));
    const now = Date.now();
    return {
      agents: items.map((record) => agentView(record, now)),
      agents_count: count,
      pages_count: pagesCount(count, query),
    };
  },
});
