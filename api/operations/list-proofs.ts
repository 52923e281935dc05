/** GET /services/{id}/proofs: the drills that restored a service elsewhere and checked it. */
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { serviceId } from '../schemas/history.ts';
import { proofList, proofQuery } from '../schemas/proof.ts';
import { pageRequest, pagesCount } from '../views/format.ts';
import { proofView } from '../views/proof.ts';

export const listProofs = operation({
  name: 'listProofs',
  method: 'get',
  path: '/services/{id}/proofs',
  summary: 'List the proofs of a service',
  description:
    'The drills that brought this service back elsewhere and checked every table: to which instant, whether it is as it should be, and how long it took. `drill` of the service says when they run; `POST` begins one.',
  role: 'viewer',
  params: serviceId,
  query: proofQuery,
  answer: proofList,
  errors: ['service_not_found'],
  async handle({ params: { id }, query, caller: { organization } }, { catalog, progress }) {
    const service = await findService(catalog, id, organization);
    const { items, count } = await catalog.listProofs(service.serviceId, pageRequest(query));
    const proofs = await Promise.all(items.map(async (record) => progress.ofProof(record)));
    return { proofs: proofs.map(proofView), proofs_count: count, pages_count: pagesCount(count, query) };
  },
});
