/** GET /services/{id}: one service, with its newest backups, and whether its agent asks for work now. */
import { z } from '@hono/zod-openapi';
import { backupTypes } from '../../domain/operations.ts';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { service } from '../schemas/service.ts';
import { serviceView, withBackups } from '../views/service.ts';

export const getService = operation({
  name: 'getService',
  method: 'get',
  path: '/services/{id}',
  summary: 'Get a service',
  role: 'viewer',
  params: z.strictObject({ id: z.string() }),
  query: nothing,
  answer: service,
  errors: ['service_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog, orders }) {
    const record = await findService(catalog, id, organization);
    const first = { page: 1, pageSize: 1, order: 'desc' } as const;
    const newest = await Promise.all(
      backupTypes.map(async (type) =>
        catalog.listBackups(organization, { serviceId: id, type, status: 'Succeeded' }, first),
      ),
    );
    const now = Date.now();
    const view = serviceView(record, now);
    // Without Temporal nobody can say; the announcements then have the last word.
    const alive = await orders.polls(record.agentId).catch(() => view.agent.alive);
    return withBackups(
      { ...view, agent: { ...view.agent, alive } },
      newest.flatMap(({ items }) => items),
      now,
    );
  },
});
