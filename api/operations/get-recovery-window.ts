/** GET /services/{id}/recovery-window: what a service can be restored to, and where the holes are. */
import { ratesFrom } from '../../domain/archive/rates.ts';
import { recoveryWindow as windowOf } from '../../domain/archive/window.ts';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { serviceId } from '../schemas/history.ts';
import { recoveryWindow } from '../schemas/recovery-window.ts';
import { recoveryWindowView } from '../views/recovery-window.ts';

export const getRecoveryWindow = operation({
  name: 'getRecoveryWindow',
  method: 'get',
  path: '/services/{id}/recovery-window',
  summary: 'Get what a service can be restored to',
  description:
    'The intervals that can be restored to, each with its chain and estimated time, and every hole with its cause. What backups and archived binlogs lead to now: it grows as binlogs are shipped, and shrinks as backups expire.',
  role: 'viewer',
  params: serviceId,
  query: nothing,
  answer: recoveryWindow,
  errors: ['service_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog, restoreRates }) {
    const service = await findService(catalog, id, organization);
    const facts = await catalog.recoveryFacts(service.serviceId);
    const rates = ratesFrom(restoreRates, await catalog.findMeasurements(service.agentId));
    return recoveryWindowView(service.serviceId, windowOf(facts, rates));
  },
});
