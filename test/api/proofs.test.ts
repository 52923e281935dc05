/** Drills by the API: ordered, listed, told of with the service. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { drillIds } from '../../domain/ids.ts';
import type { ProofReport } from '../../domain/proofs/types.ts';
import { type Harness, openApi, serviceRecord } from './harness.ts';

const service = serviceRecord();
const path = `/services/${service.serviceId}/proofs`;
const report: ProofReport = {
  reached: { gtid: '0-1-7', not_after: '2026-01-31T02:00:00.223456Z' },
  seconds: { fetching: 1.26, preparing: 2, replaying: 0.04, checking: 3, total: 6.54 },
  tables: 3,
  rows: 5_000_000_000,
  digest: 'ab'.repeat(32),
  warnings: [],
};
let api: Harness;

beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
});
afterAll(() => api.close());

test('one is begun, in Temporal too, and while it has not ended that one is answered', async () => {
  const { status, body } = await api.ask('POST', path);
  expect([status, body]).toEqual([
    200,
    {
      id: expect.any(Number) as unknown,
      service_id: service.serviceId,
      status: 'Scheduled',
      message: 'The drill is scheduled.',
      started_at: expect.any(String) as unknown,
    },
  ]);
  expect((await api.ask('POST', path)).body).toEqual(body);
  const [proof] = (await api.catalog.unfinished()).proofs;
  const described = await api.client.workflow.getHandle(proof?.workflowId ?? '').describe();
  expect([described.type, described.status.name]).toEqual(['proof', 'RUNNING']);
});

test('what came of it is listed, and the service says when it was last proven and whether it failed since', async () => {
  const [first] = (await api.catalog.unfinished()).proofs;
  await api.catalog.updateProof(first?.workflowId ?? '', {
    status: 'Succeeded',
    message: 'Brought back.',
    finishedAt: '2026-01-31T03:00:00.900Z',
    prover: { agentId: 'agent-2', serviceId: 'stock', hostname: 'db-2', ownHost: false },
    report,
  });
  const { body: second } = await api.ask('POST', path);
  const [open] = (await api.catalog.unfinished()).proofs;
  const finishedAt = '2026-02-01T03:00:00.000Z';
  await api.catalog.updateProof(open?.workflowId ?? '', {
    status: 'Failed',
    message: 'Damaged.',
    code: 'object_damaged',
    finishedAt,
  });
  const { body } = await api.ask('GET', path);
  expect(body).toMatchObject({
    proofs_count: 2,
    pages_count: 1,
    proofs: [
      { id: second['id'], status: 'Failed', error: 'object_damaged', message: 'Damaged.' },
      {
        id: first?.id,
        status: 'Succeeded',
        finished_at: '2026-01-31T03:00:00Z',
        prover: { service_id: 'stock', hostname: 'db-2', own_host: false },
        reached: report.reached,
        seconds: { fetching: 1.3, preparing: 2, replaying: 0, checking: 3, total: 6.5 },
        tables: 3,
        rows: 5_000_000_000,
        checksum: report.digest,
      },
    ],
  });
  const told = {
    last_proof: {
      id: second['id'],
      status: 'Failed',
      message: 'Damaged.',
      finished_at: '2026-02-01T03:00:00Z',
    },
    last_proven: { id: first?.id, status: 'Succeeded', finished_at: '2026-01-31T03:00:00Z', seconds: 6.5 },
  };
  expect((await api.ask('GET', `/services/${service.serviceId}`)).body).toMatchObject(told);
  expect((await api.ask('GET', '/services')).body).toMatchObject({ services: [told] });
});

test('the time that is set for it is a schedule in Temporal, changed and taken away with it', async () => {
  const set = async (drill: string): Promise<void> => {
    const { status } = await api.ask('PATCH', `/services/${service.serviceId}`, { body: { drill } });
    expect(status).toBe(200);
  };
  const id = drillIds.format(await api.catalog.deploymentId(), service.serviceId);
  const handle = api.client.schedule.getHandle(id);
  await set('0 5 * * 0');
  expect((await handle.describe()).spec.calendars).toMatchObject([{ hour: [{ start: 5 }] }]);
  await set('30 6 * * 0');
  const { spec, action } = await handle.describe();
  expect(spec.calendars).toMatchObject([{ hour: [{ start: 6 }] }]);
  expect(action).toMatchObject({ workflowType: 'proof', args: [{ serviceId: service.serviceId }] });
  await set('off');
  await expect(handle.describe()).rejects.toThrow(/not found/i);
});

test('a service that offers itself as a prover says so', async () => {
  const offering = serviceRecord({ serviceId: 'stock', prover: { ownHost: true } });
  await api.catalog.upsertService(offering);
  expect((await api.ask('GET', '/services/stock')).body).toMatchObject({ prover: { own_host: true } });
});
