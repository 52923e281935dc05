import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DatabaseSync } from 'node:sqlite';
import { keyId } from '../../api/idempotency.ts';
import { type Answer, type Harness, openApi, serviceRecord, tokens } from './harness.ts';

let api: Harness;
/** A second api on the same catalog, with a connection of its own. */
let other: Harness;
const service = serviceRecord();
const schedules = '/backups/schedules';
const order = { backup_type: 'full', schedule: 'once', service_id: service.serviceId };

beforeAll(async () => {
  api = await openApi('there');
  other = await openApi('there', { beside: api });
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(serviceRecord({ serviceId: 'theirs', organization: 'other' }));
});
afterAll(async () => {
  await other?.close();
  await api?.close();
});

const post = async (
  key: string,
  body: unknown = order,
  { at = api, path = schedules, token = tokens.administrator } = {},
): Promise<Answer> => at.ask('POST', path, { body, token, headers: { 'Idempotency-Key': key } });

const backups = async (): Promise<number> =>
  Number((await api.ask('GET', `/backups?service_id=${service.serviceId}`)).body['backups_count']);

/** Runs something, and tells how many backups it ordered. */
async function ordered(work: () => Promise<void>): Promise<number> {
  const before = await backups();
  await work();
  return (await backups()) - before;
}

describe('the same request with the same key', () => {
  test('gets the first answer again, to the letter, and is carried out once', async () => {
    const count = await ordered(async () => {
      const key = randomUUID();
      const first = await post(key);
      expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([200, null]);
      for (const at of [api, other, api]) {
        const again = await post(key, order, { at });
        expect([again.status, again.headers.get('idempotent-replayed'), again.text]).toEqual([
          200,
          'true',
          first.text,
        ]);
        expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
      }
    });
    expect(count).toBe(1);
  });

  test('is the same in other words: in another order, with other blanks, or a default written out', async () => {
    const count = await ordered(async () => {
      const key = randomUUID();
      const first = await post(key);
      const { backup_type, schedule, service_id } = order;
      const again = await post(
        key,
        `{ "service_id":"${service_id}", "schedule":"${schedule}",\n"backup_type":"${backup_type}"}`,
      );
      expect(again.text).toBe(first.text);
      const explicit = await post(key, order, { path: `${schedules}?explain=false` });
      expect(explicit.text).toBe(first.text);
    });
    expect(count).toBe(1);
  });

  test('sent many times at once to two processes is carried out once, and all get the one answer', async () => {
    const count = await ordered(async () => {
      const key = randomUUID();
      const answers = await Promise.all(
        Array.from({ length: 12 }, async (_, index) =>
          post(key, order, { at: index % 2 === 0 ? api : other }),
        ),
      );
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
    });
    expect(count).toBe(1);
  });
});

test('a token that is shown once is shown to whoever repeats the request, and to nobody else', async () => {
  const key = randomUUID();
  const enrol = async (token?: string): Promise<Answer> =>
    post(key, { service_id: 'to-come' }, { path: '/agents', ...(token !== undefined && { token }) });
  const first = await enrol();
  expect([first.status, typeof first.body['token']]).toEqual([200, 'string']);
  expect((await enrol()).text).toBe(first.text);
  expect((await enrol(tokens.operator)).errors).toEqual(['forbidden']);
  const { body } = await api.ask('GET', '/agents?service_id=to-come');
  expect(body['agents']).toHaveLength(1);
  const file = await readFile(api.location.slice('sqlite://'.length), 'latin1');
  const log = await readFile(`${api.location.slice('sqlite://'.length)}-wal`, 'latin1');
  expect(file + log).not.toContain(String(first.body['token']));
});

describe('the same key', () => {
  test.each([
    ['another body', { ...order, backup_type: 'physical', service_id: 'else' }, schedules],
    ['another query', order, `${schedules}?explain=true`],
  ])('with %s is 409 and carries nothing out', async (_name, body, path) => {
    const key = randomUUID();
    await post(key);
    const count = await ordered(async () => {
      const answer = await post(key, body, { path });
      expect([answer.status, answer.errors]).toEqual([409, ['idempotency_key_reused']]);
    });
    expect(count).toBe(0);
  });

  test('of another organization, or for another operation, is another key', async () => {
    const key = randomUUID();
    const own = await post(key);
    const theirs = await post(key, { ...order, service_id: 'theirs' }, { token: tokens.stranger });
    expect([theirs.status, theirs.body['service_id']]).toEqual([200, 'theirs']);
    const lookup = await post(key, { service_id: service.serviceId }, { path: '/backups/status' });
    expect([own.status, lookup.status]).toEqual([200, 200]);
    expect(lookup.body).toHaveProperty('backups');
  });

  test('by somebody whose role is less than the first one had does not get its answer', async () => {
    const key = randomUUID();
    await post(key);
    const operator = await post(key, order, { token: tokens.operator });
    expect([operator.status, operator.errors]).toEqual([403, ['forbidden']]);
    const viewer = await post(key, order, { token: tokens.viewer });
    expect(viewer.status).toBe(403);
    const nobody = await post(key, order, { token: '' });
    expect(nobody.status).toBe(401);
  });

  test('is good again after a day', async () => {
    const key = randomUUID();
    const count = await ordered(async () => {
      const first = await post(key);
      expire(key);
      const second = await post(key);
      expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([200, null]);
      expect(second.body['id']).not.toBe(first.body['id']);
    });
    expect(count).toBe(2);
  });

  test.each(['', 'x'.repeat(256), 'café'])('%j is 400', async (key) => {
    const answer = await post(key);
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('Idempotency-Key');
  });

  test('is not looked at where nothing is posted', async () => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await api.ask('GET', '/services', { headers });
    const second = await api.ask('GET', '/services?page_size=1', { headers });
    expect([first.status, second.status]).toEqual([200, 200]);
  });
});

describe('what is kept', () => {
  test('is no error: the next request with the key is carried out', async () => {
    const key = randomUUID();
    const wrong = await post(key, { ...order, service_id: 'later' });
    expect(wrong.errors).toEqual(['service_not_found']);
    await api.catalog.upsertService(serviceRecord({ serviceId: 'later', agentId: 'agent-3' }));
    const right = await post(key, { ...order, service_id: 'later' });
    expect([right.status, right.headers.get('idempotent-replayed')]).toEqual([200, null]);
    const invalid = await post(randomUUID(), {});
    expect(invalid.status).toBe(400);
  });

  test('is sealed, and neither key, body nor answer can be read in the catalog', async () => {
    const key = `secret-${randomUUID()}`;
    const { body } = await post(key);
    const row = rowOf(key);
    expect(row['answer']).toMatch(/^v1\.[0-9a-f]{16}\./);
    const written = JSON.stringify(row);
    for (const secret of [key, service.serviceId, String(body['backup_id'])])
      expect(written).not.toContain(secret);
  });

  test('is what was answered also where nothing was made', async () => {
    const key = randomUUID();
    const first = await post(key, { service_id: service.serviceId }, { path: '/backups/status' });
    await post(randomUUID());
    const again = await post(key, { service_id: service.serviceId }, { path: '/backups/status' });
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true']);
  });
});

describe('a process that dies', () => {
  /** Like a process that was killed at this point: the request never ends. */
  const never = async (): Promise<never> => new Promise(() => {});

  test('after the order was written down leaves the answer with it', async () => {
    const reached = Promise.withResolvers<void>();
    const dying = await openApi('there', {
      beside: api,
      over: (catalog) => ({
        ...catalog,
        async createOneTimeBackup(given) {
          await catalog.createOneTimeBackup(given);
          reached.resolve();
          return await never();
        },
      }),
    });
    const key = randomUUID();
    const count = await ordered(async () => {
      void post(key, order, { at: dying });
      await reached.promise;
      const answer = await post(key);
      expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
      const found = await api.ask('GET', `${schedules}/${String(answer.body['id'])}`);
      expect(found.body).toMatchObject({ backup_id: answer.body['backup_id'] });
    });
    expect(count).toBe(1);
    await dying.close();
  });

  test('before it wrote the order down leaves a claim that lapses; until then the answer is 409 with Retry-After', async () => {
    const key = randomUUID();
    const reached = Promise.withResolvers<void>();
    const dying = await openApi('there', {
      beside: api,
      over: (catalog) => ({
        ...catalog,
        async createOneTimeBackup() {
          reached.resolve();
          return await never();
        },
        renewKey: async () => {},
      }),
    });
    const count = await ordered(async () => {
      void post(key, order, { at: dying });
      await reached.promise;
      const early = await post(key);
      expect([early.status, early.errors]).toEqual([409, ['request_in_progress']]);
      expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(0);
      lapse(key);
      const late = await post(key);
      expect([late.status, late.headers.get('idempotent-replayed')]).toEqual([200, null]);
    });
    expect(count).toBe(1);
    await dying.close();
  });

  test('or was only slow, and comes back after another took its request over, carries nothing out', async () => {
    const key = randomUUID();
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const slow = await openApi('there', {
      beside: api,
      over: (catalog) => ({
        ...catalog,
        async createOneTimeBackup(given) {
          reached.resolve();
          await goOn.promise;
          return await catalog.createOneTimeBackup(given);
        },
        renewKey: async () => {},
      }),
    });
    const count = await ordered(async () => {
      const asked = post(key, order, { at: slow });
      await reached.promise;
      lapse(key);
      const taken = await post(key);
      expect(taken.status).toBe(200);
      goOn.resolve();
      const late = await asked;
      expect([late.status, late.errors]).toEqual([409, ['request_in_progress']]);
      expect((await post(key)).text).toBe(taken.text);
    });
    expect(count).toBe(1);
    await slow.close();
  });

  test('while it works its claim is renewed', async () => {
    const renewed = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const slow = await openApi('there', {
      beside: api,
      over: (catalog) => ({
        ...catalog,
        async createOneTimeBackup(given) {
          await goOn.promise;
          return await catalog.createOneTimeBackup(given);
        },
        async renewKey(claim) {
          await catalog.renewKey(claim);
          renewed.resolve();
        },
      }),
    });
    const key = randomUUID();
    const asked = post(key, order, { at: slow });
    await untilClaimed(key);
    const before = String(rowOf(key)['claimed_until']);
    await renewed.promise;
    expect(String(rowOf(key)['claimed_until']) > before).toBe(true);
    goOn.resolve();
    expect((await asked).status).toBe(200);
    await slow.close();
  });
});

/** Looks into the catalog's file, and changes times in it that nobody can wait for. */
function inFile<T>(work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(api.location.slice('sqlite://'.length), { timeout: 5_000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

const idOf = (key: string): string => keyId({ organization: 'acme', operation: 'createSchedule' }, key);

const rowOf = (key: string): Record<string, unknown> =>
  inFile((db) => db.prepare('select * from idempotency_keys where id = ?').get(idOf(key)) ?? {});

async function untilClaimed(key: string): Promise<void> {
  for (let tries = 0; tries < 200 && rowOf(key)['id'] === undefined; tries += 1) await sleep(20);
}

const past = '2024-01-01T00:00:00.000Z';
function expire(key: string): void {
  inFile((db) => db.prepare('update idempotency_keys set expires_at = ? where id = ?').run(past, idOf(key)));
}
function lapse(key: string): void {
  inFile((db) =>
    db.prepare('update idempotency_keys set claimed_until = ? where id = ?').run(past, idOf(key)),
  );
}
