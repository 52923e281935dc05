import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { authenticator } from '../../api/auth/authenticate.ts';
import { jwtsBy } from '../../api/auth/jwt.ts';
import { openJwtKeys } from '../../api/auth/jwt-keys.ts';
import { jwtSettings } from '../../config/jwt.ts';
import { claimsWith, signedBySecret } from './auth/issuer.ts';
import { jwtSettingsOfTests } from './authorization/organizations.ts';
import { type Answer, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
const service = serviceRecord();
const order = { backup_type: 'full', schedule: 'once', service_id: service.serviceId };

beforeAll(async () => {
  api = await openApi('there', { trustedProxies: ['10.0.0.0/8'] });
  await api.catalog.upsertService(service);
});
afterAll(async () => {
  await api?.close();
});

type Entry = Record<string, unknown>;
const audit = async (query = '', token = tokens.administrator): Promise<Entry[]> => {
  const answer = await api.ask('GET', `/audit${query}`, { token });
  expect(answer.messages).toBe('');
  return answer.body['entries'] as Entry[];
};
/** The entry of the request that got this answer. */
const entryOf = async (answer: Answer, token = tokens.administrator): Promise<Entry | undefined> =>
  (await audit('?page_size=1000', token)).find(
    (entry) => entry['request_id'] === answer.headers.get('x-request-id'),
  );

test('a change is told with who, what, when, from where, and how it ended', async () => {
  const before = new Date().toISOString();
  const answer = await api.ask('POST', '/backups/schedules', {
    body: order,
    address: '10.0.0.7',
    headers: { 'X-Request-Id': 'ticket-4711', 'X-Forwarded-For': '203.0.113.9' },
  });
  const entry = await entryOf(answer);
  expect(entry).toEqual({
    id: expect.any(Number),
    created_at: expect.any(String),
    finished_at: expect.any(String),
    operation: 'createSchedule',
    method: 'POST',
    path: '/skybackup/v1/backups/schedules',
    subject: 'alice',
    how: 'tokens_file',
    role: 'administrator',
    address: '203.0.113.9',
    service_ids: [service.serviceId],
    record_ids: [String(answer.body['id']), answer.body['backup_id']],
    outcome: 'succeeded',
    status: 200,
    replayed: false,
    request_id: 'ticket-4711',
  });
  expect(String(entry?.['created_at']) >= before).toBe(true);
});

test('what is refused is told, too: for its form, for what it names, for lack of rights', async () => {
  const wrong = await api.ask('POST', '/backups/schedules', { body: { schedule: 'never' } });
  expect(await entryOf(wrong)).toMatchObject({ outcome: 'refused', status: 400, error: 'invalid_request' });
  const missing = await api.ask('POST', '/restores', { body: { id: 'x:y:z', service_id: 'none' } });
  expect(await entryOf(missing)).toMatchObject({
    outcome: 'refused',
    status: 404,
    error: 'service_not_found',
    service_ids: ['none'],
    record_ids: ['x:y:z'],
  });
  const forbidden = await api.ask('POST', '/restores', {
    token: tokens.viewer,
    body: { id: 'x:y:z', service_id: 'none' },
  });
  expect(await entryOf(forbidden)).toMatchObject({
    outcome: 'refused',
    status: 403,
    error: 'forbidden',
    role: 'viewer',
  });
  const reading = await api.ask('GET', '/audit', { token: tokens.operator });
  expect(reading.status).toBe(403);
  expect(await entryOf(reading)).toMatchObject({ operation: 'listAudit', method: 'GET', error: 'forbidden' });
});

test('whoever proves who they are and has no role is told, whatever they ask', async () => {
  const settings = jwtSettings.parse(jwtSettingsOfTests);
  const jwt = jwtsBy(settings, await openJwtKeys(settings, console));
  const door = await openApi('there', {
    beside: api,
    authenticateBy: () => authenticator({ jwt, apiKeys: async () => Promise.reject(new Error('none')) }),
    limits: { subject: 2, address: 0 },
  });
  const token = await signedBySecret(claimsWith({ sub: 'mallory', roles: ['guest'] }));
  const body = { id: 'x:y:z', service_id: 'none' };
  const asked = [
    await door.ask('POST', '/restores', { token, body }),
    await door.ask('GET', '/whoami', { token }),
  ];
  for (const [index, answer] of asked.entries()) {
    expect([answer.status, answer.errors]).toEqual([403, ['forbidden']]);
    const entry = await entryOf(answer);
    expect(entry).toMatchObject({
      operation: index === 0 ? 'createRestore' : 'whoAmI',
      subject: 'mallory',
      how: 'jwt',
      outcome: 'refused',
      status: 403,
      error: 'forbidden',
    });
    expect(entry).not.toHaveProperty('role');
  }
  // They are held to the limit of a subject, so that they cannot fill the audit.
  expect((await door.ask('GET', '/whoami', { token })).status).toBe(429);
  const line = door.log.find(({ fields }) => fields['status'] === 403);
  expect(line?.fields).toMatchObject({ caller: 'mallory', organization: 'acme' });
  await door.close();
});

test('an answer that was kept says that nothing was done', async () => {
  const headers = { 'Idempotency-Key': 'twice' };
  const first = await api.ask('POST', '/backups/schedules', { body: order, headers });
  const again = await api.ask('POST', '/backups/schedules', { body: order, headers });
  expect([(await entryOf(first))?.['replayed'], (await entryOf(again))?.['replayed']]).toEqual([false, true]);
  expect((await entryOf(again))?.['record_ids']).toEqual((await entryOf(first))?.['record_ids']);
});

test('reads, and what is asked without credentials, are not told', async () => {
  const asked = [
    await api.ask('GET', '/services'),
    await api.ask('GET', '/services/none'),
    await api.ask('POST', '/backups/status', { body: { service_id: service.serviceId } }),
    await api.ask('POST', '/restores', { body: {}, token: '' }),
    await api.ask('POST', '/restores', { body: {}, token: 'unknown' }),
  ];
  expect(asked.map(({ status }) => status)).toEqual([200, 404, 200, 401, 401]);
  for (const answer of asked) expect(await entryOf(answer)).toBeUndefined();
});

test('a restore that is removed from the lists stays in the audit', async () => {
  const target = serviceRecord({ serviceId: 'target', agentId: 'agent-2' });
  await api.catalog.upsertService(target);
  const backup = await succeededBackup(api.catalog, target, 'b');
  const { id } = await api.catalog.createRestore({
    organization: 'acme',
    service: target,
    backup,
    mode: 'side-by-side',
    bucket: '',
    message: '',
    workflowId: (number) => `restore/${number}/0`,
  });
  await api.catalog.updateRestore(id, { status: 'Succeeded', message: 'Restore has succeeded!' });
  const removed = await api.ask('DELETE', `/restores/${id}`);
  expect([removed.status, (await api.ask('GET', `/restores/${id}`)).status]).toEqual([200, 404]);
  expect(await entryOf(removed)).toMatchObject({
    operation: 'deleteRestore',
    method: 'DELETE',
    outcome: 'succeeded',
    record_ids: [String(id)],
  });
});

test('holds no secret: neither tokens nor what is in a body', async () => {
  const credentials = Buffer.from('[default]\naws_secret_access_key = hunter2hunter2').toString('base64');
  await api.ask('POST', '/backups/schedules', {
    body: {
      ...order,
      service_id: 'a sentence that is no id',
      external_storage: { bucket: { path: 's3://b', credentials } },
    },
  });
  const written = JSON.stringify(await audit('?page_size=1000'));
  for (const secret of ['hunter2', credentials, 'a sentence', ...Object.values(tokens)]) {
    expect(written).not.toContain(secret);
  }
});

test('is filtered, paged and ordered like all lists, and each organization sees its own', async () => {
  const succeeded = await audit('?outcome=succeeded&operation=createSchedule&subject=alice');
  expect(succeeded.length).toBeGreaterThan(0);
  for (const entry of succeeded) {
    expect([entry['outcome'], entry['operation'], entry['subject']]).toEqual([
      'succeeded',
      'createSchedule',
      'alice',
    ]);
  }
  const all = await audit('?page_size=1000&order=asc');
  const { body } = await api.ask('GET', '/audit?page=2&page_size=2&order=asc');
  expect(body['entries']).toEqual(all.slice(2, 4));
  expect([body['entries_count'], body['pages_count']]).toEqual([all.length, Math.ceil(all.length / 2)]);
  const before = encodeURIComponent(String(all[2]?.['created_at']));
  expect((await audit(`?created_before=${before}&order=asc`)).length).toBeLessThanOrEqual(2);
  expect(await audit('', tokens.stranger)).toEqual([]);
  expect((await api.ask('GET', '/audit?outcome=great')).errors).toEqual(['invalid_request']);
});

test('what a process that died had begun is told as unfinished', async () => {
  const reached = Promise.withResolvers<void>();
  const dying = await openApi('there', {
    beside: api,
    over: (catalog) => ({
      ...catalog,
      async createOneTimeBackup(given) {
        await catalog.createOneTimeBackup(given);
        reached.resolve();
        return await new Promise<never>(() => {});
      },
    }),
  });
  void dying.ask('POST', '/backups/schedules', { body: order, headers: { 'X-Request-Id': 'died-here' } });
  await reached.promise;
  const entry = (await audit('?outcome=unfinished')).find((one) => one['request_id'] === 'died-here');
  expect(entry).toMatchObject({ operation: 'createSchedule', service_ids: [service.serviceId] });
  expect(entry).not.toHaveProperty('status');
  await dying.close();
});

test('without it nothing is changed', async () => {
  const broken = await openApi('there', {
    beside: api,
    over: (catalog) => ({ ...catalog, addAuditEntry: async () => Promise.reject(new Error('no room')) }),
  });
  const count = async (): Promise<unknown> => (await api.ask('GET', '/backups')).body['backups_count'];
  const before = await count();
  const answer = await broken.ask('POST', '/backups/schedules', { body: order });
  expect([answer.status, await count()]).toEqual([500, before]);
  await broken.close();
});
