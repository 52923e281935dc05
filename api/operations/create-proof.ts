/** POST /services/{id}/proofs: brings a service back elsewhere, and checks it. */
import { randomBytes } from 'node:crypto';
import { workflowIds } from '../../domain/ids.ts';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { serviceId } from '../schemas/history.ts';
import { proof } from '../schemas/proof.ts';
import { proofView } from '../views/proof.ts';

export const createProof = operation({
  name: 'createProof',
  method: 'post',
  path: '/services/{id}/proofs',
  summary: 'Prove that a service can be restored',
  description:
    'Brings the service back to a random instant of its recovery window on the host of a prover, checks every table there, and removes the copy. Nothing of the service is touched, and nothing has to wait for it. While one of the service has not ended, that one is answered and no other begun. How it goes, and what came of it: `GET /services/{id}/proofs`.',
  role: 'administrator',
  params: serviceId,
  query: nothing,
  answer: proof,
  errors: ['service_not_found', 'temporal_unavailable'],
  async handle({ params: { id }, caller: { organization }, receipt }, { catalog, orders }) {
    const service = await findService(catalog, id, organization);
    await orders.ensureReachable();
    const record = await catalog.beginProof({
      service,
      workflowId: workflowIds.proof(service.serviceId, randomBytes(4).toString('hex')),
      message: 'The drill is scheduled.',
      receipt: receipt(proofView),
    });
    if (record.status === 'Scheduled') {
      const { serviceId: proven, timings } = { serviceId: service.serviceId, timings: orders.timings };
      const deploymentId = await catalog.deploymentId();
      await orders.proof(record.workflowId, { serviceId: proven, deploymentId, proofId: record.id, timings });
    }
    return proofView(record);
  },
});
