import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
const service = serviceRecord();
beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(
    serviceRecord({
      serviceId: 'quiet',
      agentId: 'agent-2',
      cloudProvider: 'aws',
      lastSeenAt: '2024-03-26T17:18:57.500Z',
    }),
  );
});
afterAll(async () => {
  await api.close();
});

test('the list tells what the agents announced last', async () => {
  const { status, body } = await api.ask('GET', '/services?order=asc', { token: tokens.viewer });
  expect([status, body['services_count'], body['pages_count']]).toEqual([200, 2, 1]);
  const services = body['services'] as Record<string, unknown>[];
  const quiet = services.find((one) => one['service_id'] === 'quiet');
  expect(quiet).toMatchObject({
    service_name: 'orders',
    server_version: '10.11.14-MariaDB',
    cloud_provider: 'aws',
    storage: 'file:///srv/backups',
    binlog: true,
    layout: { members: [{ kind: 'data', directory: '/var/lib/mysql', mount_point: false }], obstacles: [] },
    agent: { id: 'agent-2', hostname: 'db-1', last_seen_at: '2024-03-26T17:18:57Z', alive: false },
  });
  const orders = services.find((one) => one['service_id'] === service.serviceId);
  expect(orders).toMatchObject({ agent: { alive: true } });
  expect(orders).not.toHaveProperty('cloud_provider');
});

test('one service has its newest backups, and an agent that polls nothing is not alive', async () => {
  const before = await api.ask('GET', `/services/${service.serviceId}`);
  expect(before.body).toMatchObject({ agent: { alive: false }, last_backups: {} });
  expect(before.body).not.toHaveProperty('rpo_seconds');

  await succeededBackup(api.catalog, service, 'a');
  const { id } = await succeededBackup(api.catalog, service, 'b');
  const { body } = await api.ask('GET', `/services/${service.serviceId}`, { token: tokens.viewer });
  expect(body['last_backups']).toEqual({
    full: {
      id,
      end_time: '2024-03-26T17:19:01Z',
      point_in_time: '2024-03-26 17:18:21',
      storage_bytes: 5_327_326,
      disk_size_bytes: 125_829_120,
    },
  });
  const age = (Date.now() - Date.parse('2024-03-26T17:18:20Z')) / 1000;
  expect(Math.abs(Number(body['rpo_seconds']) - age)).toBeLessThan(60);
  const list = await api.ask('GET', '/services', { token: tokens.viewer });
  const [listed] = (list.body['services'] as Record<string, unknown>[]).filter(
    (one) => one['service_id'] === service.serviceId,
  );
  expect(listed).toMatchObject({ last_backups: body['last_backups'], archive: { state: 'off' } });
  expect(Math.abs(Number(listed?.['rpo_seconds']) - age)).toBeLessThan(60);
});

test.each(['none', '%00', 'a:b:c', 'schedules'])('GET /services/%s is 404', async (id) => {
  const answer = await api.ask('GET', `/services/${id}`);
  expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
});

test("another organization's services are not there", async () => {
  const token = tokens.stranger;
  expect((await api.ask('GET', '/services', { token })).body['services_count']).toBe(0);
  const answer = await api.ask('GET', `/services/${service.serviceId}`, { token });
  expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
});

test.each(['page=0', 'page_size=0', 'name=x'])('GET /services?%s is refused', async (query) => {
  expect((await api.ask('GET', `/services?${query}`)).errors).toEqual(['invalid_request']);
});

test('with Temporal and the catalog there, the api is ready', async () => {
  const { status, body } = await api.askRaw('GET', '/readyz', { token: '' });
  expect([status, body]).toEqual([200, { status: 'ready' }]);
});
