import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defaultTimings } from '../../domain/operations.ts';
import { createApp } from '../../api/app.ts';
import { operations as operationsServed } from '../../api/operations/index.ts';
import { ordersThrough } from '../../api/orders.ts';
import { progressThrough } from '../../api/progress.ts';
import { withRequestIds } from '../../api/request-log.ts';
import type { Caller } from '../../api/auth/caller.ts';
import type { Catalog } from '../../catalog/types.ts';
import {
  type Harness,
  openApi,
  restoreRates,
  serviceDefaults,
  serviceRecord,
  testKeyRing,
  tokens,
} from './harness.ts';

let api: Harness;
beforeAll(async () => {
  api = await openApi('away');
  await api.catalog.upsertService(serviceRecord());
});
afterAll(async () => {
  await api.close();
});

const order = { backup_type: 'full', schedule: 'once', service_id: 'dbtgf28044362' };

describe('credentials', () => {
  const ask = async (headers: Record<string, string>) => api.ask('GET', '/services', { token: '', headers });

  test.each([
    ['Bearer', { Authorization: `Bearer ${tokens.viewer}` }],
    ['bearer', { Authorization: `bearer ${tokens.viewer}` }],
    ['X-API-Key', { 'X-API-Key': tokens.viewer }],
    ['both, the same', { Authorization: `Bearer ${tokens.viewer}`, 'X-API-Key': tokens.viewer }],
    ["a proxy's own and X-API-Key", { Authorization: 'Basic Zm9v', 'X-API-Key': tokens.viewer }],
  ])('a token is taken as %s', async (_name, headers) => {
    expect((await ask(headers)).status).toBe(200);
  });

  test.each([
    ['none', {}, 'No credentials came'],
    ['another scheme', { Authorization: 'Basic Zm9v' }, 'has to be "Bearer <token>"'],
    ['an empty token', { Authorization: 'Bearer ' }, 'has to be "Bearer <token>"'],
    ['an unknown token', { Authorization: 'Bearer who' }, 'not known'],
    ['part of a token', { 'X-API-Key': tokens.viewer.slice(0, -1) }, 'not known'],
    [
      'two tokens',
      { Authorization: `Bearer ${tokens.viewer}`, 'X-API-Key': tokens.operator },
      'different tokens',
    ],
    ['an unexpanded variable', { Authorization: 'Bearer $JWT_TOKEN' }, 'quoted too well'],
    ['an unexpanded variable in braces', { 'X-API-Key': `$${'{API_KEY}'}` }, 'quoted too well'],
  ])('%s is 401 and says why', async (_name, headers, hint) => {
    const answer = await ask(headers);
    expect([answer.status, answer.errors]).toEqual([401, ['unauthorized']]);
    expect(answer.messages).toContain(hint);
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  });

  test('are asked for before anything else is looked at', async () => {
    const answer = await api.ask('POST', '/restores', { token: '', body: '{' });
    expect(answer.status).toBe(401);
  });

  test('never reach the log', async () => {
    await ask({ Authorization: 'Bearer a-secret-that-is-wrong' });
    await ask({ 'X-API-Key': tokens.viewer });
    const logged = JSON.stringify(api.log);
    expect(logged).not.toContain('a-secret-that-is-wrong');
    for (const token of Object.values(tokens)) expect(logged).not.toContain(token);
    expect(logged).toContain('"organization":"acme"');
  });
});

describe('paths and methods', () => {
  test.each(['/', '/nothing', '/skybackup/v1', '/skybackup/v2/backups', '/skybackup/v1/backups/a/b'])(
    'GET %s is 404 with the error object',
    async (path) => {
      const answer = await api.askRaw('GET', path);
      expect([answer.status, answer.errors, answer.body['path']]).toEqual([404, ['not_found'], path]);
    },
  );

  test.each([
    ['DELETE', '/skybackup/v1/backups', 'GET, HEAD'],
    ['PUT', '/skybackup/v1/restores', 'POST, GET, HEAD'],
    ['GET', '/skybackup/v1/backups/status', 'POST'],
    ['GET', '/2024/skybackup/v1/restores/lookup', 'POST'],
    ['POST', '/skybackup/v1/restores/pointintime/lookup', 'GET, HEAD'],
    ['PUT', '/skybackup/v1/services', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['OPTIONS', '/skybackup/v1/backups', 'GET, HEAD'],
  ])('%s %s is 405 and names what is served', async (method, path, allow) => {
    const answer = await api.askRaw(method, path);
    expect([answer.status, answer.errors]).toEqual([405, ['method_not_allowed']]);
    expect(new Set(answer.headers.get('allow')?.split(', '))).toEqual(new Set(allow.split(', ')));
  });

  test('a trailing slash is served as without, and HEAD as GET', async () => {
    expect((await api.ask('GET', '/backups/')).status).toBe(200);
    expect((await api.ask('GET', '/services/dbtgf28044362/')).status).toBe(200);
    expect((await api.ask('HEAD', '/backups')).status).toBe(200);
  });
});

describe('bodies', () => {
  const post = async (body: string | undefined, headers: Record<string, string> = {}) =>
    api.ask('POST', '/backups/schedules', { body, headers });

  test.each([
    ['', 'The body is empty'],
    ['{"backup_type": "full",}', 'position 23 (line 1, column 24)'],
    ['{\n  "backup_type" "full"}', 'position 18 (line 2, column 17)'],
    ['{"backup_type": "full"', 'position 22 (line 1, column 23) it ends too early'],
    ['{} {}', 'position 3'],
    ['[1, 01]', 'position 4'],
    ['['.repeat(100_000), 'position 100000'],
  ])('%.30s is no JSON, and the position is told', async (body, hint) => {
    const answer = await post(body);
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_json']]);
    expect(answer.messages).toContain(hint);
  });

  test('a mistake in JSON does not repeat what stands around it', async () => {
    const answer = await post('{"credentials": "hunter2" oops}');
    expect(answer.errors).toEqual(['invalid_json']);
    expect(JSON.stringify([answer.body, api.log])).not.toMatch(/hunter2|oops/);
  });

  test('a field that is there twice is refused by its name', async () => {
    const answer = await post(
      '{"service_id": "a", "backup_type": "full", "schedule": "once", "service_id": "b"}',
    );
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toBe('The field "service_id" is there more than once: write it once.');
  });

  test.each(['null', '[]', '"full"', '7'])('%s is no object', async (body) => {
    const answer = await post(body);
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('JSON object');
  });

  test('a field named __proto__ is an unknown field like any other', async () => {
    const answer = await post('{"__proto__": {"backup_type": "full"}, "constructor": 1}');
    expect(answer.messages).toContain('"__proto__" is unknown');
    expect(answer.messages).toContain('"constructor" is unknown');
    expect(answer.messages).toContain('"backup_type" is missing');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'json'])(
    'the media type %s is 415',
    async (type) => {
      const answer = await post(JSON.stringify(order), { 'Content-Type': type });
      expect([answer.status, answer.errors]).toEqual([415, ['unsupported_media_type']]);
    },
  );

  test('a media type without a body is ignored, and JSON may be declared with parameters', async () => {
    const list = await api.ask('GET', '/backups', { headers: { 'Content-Type': 'text/html' } });
    expect(list.status).toBe(200);
    const answer = await post('{}', { 'Content-Type': 'Application/JSON; charset="UTF-8"' });
    expect(new Set(answer.errors)).toEqual(new Set(['invalid_request']));
  });

  test('more than 1 MiB is 413, declared or not', async () => {
    const large = JSON.stringify({ filler: 'x'.repeat(1024 * 1024) });
    const declared = await post(large, { 'Content-Length': String(large.length) });
    expect([declared.status, declared.errors]).toEqual([413, ['body_too_large']]);
    expect((await post(large, { 'Transfer-Encoding': 'chunked' })).status).toBe(413);
  });
});

describe('the error object', () => {
  test('has the path, the time in milliseconds and the id that the log has, too', async () => {
    const before = Date.now();
    const answer = await api.ask('GET', '/services/none');
    expect(answer.body).toMatchObject({
      code: 404,
      exception: 'Not Found',
      path: '/skybackup/v1/services/none',
    });
    expect(answer.body['timestamp']).toBeGreaterThanOrEqual(before);
    const id = answer.headers.get('x-request-id');
    expect(answer.body['trace_id']).toBe(id);
    expect(api.log.some(({ fields }) => fields['request_id'] === id)).toBe(true);
  });

  test("takes the client's id when it is a sane one", async () => {
    const ask = async (id: string) =>
      (await api.ask('GET', '/services', { headers: { 'X-Request-Id': id } })).headers.get('x-request-id');
    expect(await ask('my-id_7')).toBe('my-id_7');
    expect(await ask('<script>')).not.toBe('<script>');
    expect(await ask('x'.repeat(200))).not.toContain('xxx');
  });

  test('of a defect tells nothing but the trace id; the log has the stack', async () => {
    const log: { fields: Record<string, unknown>; message: string }[] = [];
    const write = (fields: object, message: string): number => log.push({ fields: { ...fields }, message });
    const appLog = withRequestIds({ info: write, warn: write, error: write });
    const broken: Catalog = {
      ...api.catalog,
      listServices: async () => Promise.reject(new TypeError('inner workings')),
    };
    const viewer: Caller = { organization: 'o', role: 'viewer', subject: 's', how: 'tokens_file' };
    const app = createApp({
      externalEndpoints: [],
      catalog: broken,
      orders: ordersThrough(api.client, {
        address: '',
        timings: defaultTimings,
        scheduleSpreadMs: 0,
        catalog: broken,
        log: appLog,
      }),
      progress: progressThrough(api.client),
      restoreEvents: api.restoreEvents,
      keyRing: testKeyRing(),
      defaults: serviceDefaults,
      restoreRates,
      authenticate: async () => viewer,
      log: appLog,
    });
    const response = await app.request('/skybackup/v1/services', { headers: { 'X-API-Key': 't' } });
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ code: 500, errors: [{ error: 'internal' }] });
    expect(text).not.toMatch(/inner workings|TypeError|\.ts/);
    const logged = log.find(({ fields }) => fields['error'] === 'internal');
    expect((logged?.fields['err'] as Error).stack).toContain('inner workings');
    expect(logged?.fields['request_id']).toBe(response.headers.get('x-request-id'));
  });

  test('comes with the headers that a browser needs to stay harmless', async () => {
    const { headers } = await api.askRaw('GET', '/nothing');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
  });
});

describe('without Temporal', () => {
  test('an order is 503 and leaves nothing behind; what the catalog knows is answered', async () => {
    const answer = await api.ask('POST', '/backups/schedules', { body: order });
    expect([answer.status, answer.errors]).toEqual([503, ['temporal_unavailable']]);
    expect(answer.messages).toContain('127.0.0.1:1');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const list = await api.ask('GET', '/backups');
    expect([list.status, list.body['backups_count']]).toEqual([200, 0]);
    expect(await api.catalog.listPlaces()).toEqual([]);
    expect((await api.ask('GET', '/services/dbtgf28044362')).status).toBe(200);
  });

  test('the api is alive and not ready', async () => {
    const alive = await api.askRaw('GET', '/healthz', { token: '' });
    expect([alive.status, alive.body]).toEqual([200, { status: 'ok' }]);
    const ready = await api.askRaw('GET', '/readyz', { token: '' });
    expect([ready.status, ready.errors]).toEqual([503, ['temporal_unavailable']]);
  });
});

describe('what needs no token', () => {
  test('/metrics counts requests by route, not by id', async () => {
    await api.ask('GET', '/services/some-id');
    const { status, headers, text } = await api.askRaw('GET', '/metrics', { token: '' });
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    expect(text).toContain(
      'tidemark_http_requests_total{method="GET",route="/skybackup/v1/services/{id}",status="404"}',
    );
    expect(text).not.toContain('some-id');
  });

  test('/openapi.json is 3.1, and says of every operation who may ask', async () => {
    const { status, body } = await api.askRaw('GET', '/openapi.json', { token: '' });
    expect([status, body['openapi']]).toEqual([200, '3.1.0']);
    const operations = Object.values(body['paths'] as Record<string, Record<string, { description: string }>>)
      .flatMap((path) => Object.values(path))
      .map(({ description }) => description);
    expect(operations.length).toBeGreaterThanOrEqual(operationsServed.length);
    for (const description of operations)
      expect(description).toMatch(/Needs the role (viewer|operator|administrator)\./);
  });
});
