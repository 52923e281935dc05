import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { digestOfToken } from '../../domain/enrolment.ts';
import { type Harness, openApi, serviceRecord, tokens } from './harness.ts';

let api: Harness;
beforeAll(async () => {
  api = await openApi('away');
});
afterAll(async () => {
  await api.close();
});

interface Listed {
  id: string;
  state: string;
}

/** An enrolled agent of a service of its own. */
async function enrolled(serviceId: string): Promise<{ id: string; agentId: string }> {
  const { body } = await api.ask('POST', '/agents', { body: { service_id: serviceId } });
  const agentId = `agent-of-${serviceId}`;
  const id = String(body['id']);
  const service = serviceRecord({ serviceId, agentId });
  const keys = { signingKey: 'key', recipient: 'age1', sequence: 1 };
  expect(await api.catalog.enrolAgent({ id, ...keys, service })).toEqual({ outcome: 'enrolled' });
  return { id, agentId };
}

async function listed(query: string): Promise<Listed[]> {
  return (await api.ask('GET', `/agents?${query}`, { token: tokens.viewer })).body['agents'] as Listed[];
}

test('a token is shown once, is good for a day, and only its digest is kept', async () => {
  const { status, body } = await api.ask('POST', '/agents', { body: { service_id: 'db-new' } });
  const token = String(body['token']);
  expect(status).toBe(200);
  expect(token).toMatch(/^tme_[\w-]{43}$/);
  expect(body).toMatchObject({ service_id: 'db-new', state: 'pending', take_over: false, alive: false });
  const left = Date.parse(String(body['expires_at'])) - Date.now();
  expect(left).toBeGreaterThan(86_400_000 - 10_000);
  expect(left).toBeLessThanOrEqual(86_400_000);
  const [record] = await api.catalog.enrolmentsOf('acme', 'db-new');
  expect(record?.tokenDigest).toBe(digestOfToken(token));
  const list = await listed('service_id=db-new');
  expect(list).toMatchObject([{ id: body['id'], state: 'pending' }]);
  expect(JSON.stringify([list, api.log])).not.toContain(token);
});

test.each([
  ['no service', {}],
  ['a service id that cannot be', { service_id: 'a:b' }],
  ['a number', { service_id: 7 }],
  ['a word for a switch', { service_id: 'db', take_over: 'yes' }],
  ['a time that is over', { service_id: 'db', expires_at: '2024-03-26T17:18:57Z' }],
  ['a time after more than a day', { service_id: 'db', expires_at: '2999-03-26T17:18:57Z' }],
  ['no time', { service_id: 'db', expires_at: 'tomorrow' }],
  ['an unknown field', { service_id: 'db', organization: 'other' }],
])('%s is refused', async (_name, body) => {
  const answer = await api.ask('POST', '/agents', { body });
  expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
});

test('a service that has an agent gets another only with take_over', async () => {
  const { agentId } = await enrolled('db-taken');
  const refused = await api.ask('POST', '/agents', { body: { service_id: 'db-taken' } });
  expect([refused.status, refused.errors]).toEqual([409, ['agent_enrolled']]);
  expect(refused.messages).toContain(agentId);
  const body = { service_id: 'db-taken', take_over: true };
  expect((await api.ask('POST', '/agents', { body })).body).toMatchObject({ take_over: true });
});

test("another organization's service is not there, and its agents are not listed", async () => {
  const { id, agentId } = await enrolled('db-foreign');
  const token = tokens.stranger;
  const answer = await api.ask('POST', '/agents', {
    token,
    body: { service_id: 'db-foreign', take_over: true },
  });
  expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
  expect((await api.ask('GET', '/agents', { token })).body['agents_count']).toBe(0);
  for (const one of [id, agentId]) {
    expect((await api.ask('DELETE', `/agents/${one}`, { token })).errors).toEqual(['agent_not_found']);
  }
  expect(await listed('service_id=db-foreign')).toMatchObject([{ state: 'enrolled' }]);
});

test('revoking takes the service from its agent, also without Temporal, and may be done twice', async () => {
  const { agentId } = await enrolled('db-revoked');
  for (let times = 0; times < 2; times += 1) {
    const { status, text } = await api.ask('DELETE', `/agents/${agentId}`);
    expect([status, text]).toEqual([200, '']);
  }
  expect(await listed('service_id=db-revoked')).toMatchObject([
    { state: 'revoked', message: 'alice revoked it.' },
  ]);
  expect((await api.catalog.findService('db-revoked'))?.agentId).toBe('');
  expect((await api.ask('GET', '/services/db-revoked')).status).toBe(200);
  expect((await api.ask('POST', '/agents', { body: { service_id: 'db-revoked' } })).status).toBe(200);
});

test('a token can be taken back before it is used', async () => {
  const { body } = await api.ask('POST', '/agents', { body: { service_id: 'db-withdrawn' } });
  expect((await api.ask('DELETE', `/agents/${String(body['id'])}`)).status).toBe(200);
  expect(await listed('service_id=db-withdrawn')).toMatchObject([{ state: 'revoked' }]);
});

test.each(['nobody', '%00', 'x'.repeat(500)])(
  'DELETE /agents/%.10s is 404 or says what is wrong',
  async (id) => {
    const answer = await api.ask('DELETE', `/agents/${id}`);
    expect([400, 404]).toContain(answer.status);
  },
);

test.each(['state=alive', 'page=0', 'name=x'])('GET /agents?%s is refused', async (query) => {
  expect((await api.ask('GET', `/agents?${query}`)).errors).toEqual(['invalid_request']);
});

test.each([
  ['POST', '/agents', { service_id: 'db' }],
  ['DELETE', '/agents/x', undefined],
])('%s %s needs an administrator', async (method, path, body) => {
  for (const token of [tokens.operator, tokens.viewer]) {
    expect((await api.ask(method, path, { token, body })).errors).toEqual(['forbidden']);
  }
});
