/** GET /services/{id}/recovery-window: what a service can be restored to. */
import { findService } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { recoveryWindow, serviceId } from '../schemas/history.ts';

export const getRecoveryWindow = operation({
  name: 'getRecoveryWindow',
  method: 'get',
  path: '/services/{id}/recovery-window',
  summary: 'Get what a service can be restored to',
  description:
    'The intervals that can be restored to, each with its chain and estimated time, and every hole with its cause. Not available yet.',
  role: 'viewer',
  params: serviceId,
  query: nothing,
  answer: recoveryWindow,
  errors: ['service_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findService(catalog, id, organization);
    throw notAvailable(
      'The recovery window is not available yet.',
      `Restore one of the backups that GET /backups/${id} lists.`,
    );
  },
});
