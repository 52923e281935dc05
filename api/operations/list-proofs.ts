/** GET /services/{id}/proofs: the drills that restored a service elsewhere and checked it. */
import { findService } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { proofList, proofQuery, serviceId } from '../schemas/history.ts';

export const listProofs = operation({
  name: 'listProofs',
  method: 'get',
  path: '/services/{id}/proofs',
  summary: 'List the proofs of a service',
  description: 'The drills that restored this service elsewhere and checked it. Not available yet.',
  role: 'viewer',
  params: serviceId,
  query: proofQuery,
  answer: proofList,
  errors: ['service_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findService(catalog, id, organization);
    throw notAvailable(
      'Drills are not available yet.',
      'Restore a backup to another service and look at it there.',
    );
  },
});
