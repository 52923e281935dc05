import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { minuteWithin, nightlyCron, nightlyTime } from '../../domain/nightly.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { type Harness, openApi, serviceDefaults, serviceRecord, succeededBackup, tokens } from './harness.ts';

/** As the API's page shows it. */
const example = 'age10vnyg8t84pqgcf5u2j3yee5nkcwtqek0wk3y40l4m4asslxu05kqews0rl';
const keys = [newAgeIdentity().recipient, newAgeIdentity().recipient] as const;

let api: Harness;
let service: ServiceRecord;
let made = 0;
beforeAll(async () => {
  api = await openApi('there');
});
afterAll(async () => {
  await api.close();
});
beforeEach(async () => {
  made += 1;
  service = serviceRecord({ serviceId: `settings-${made}` });
  await api.catalog.upsertService(service);
});

async function change(body: unknown, token?: string): Promise<Awaited<ReturnType<Harness['ask']>>> {
  const question = token === undefined ? { body } : { body, token };
  return await api.ask('PATCH', `/services/${service.serviceId}`, question);
}

async function shown(): Promise<Record<string, unknown>> {
  return (await api.ask('GET', `/services/${service.serviceId}`)).body;
}

describe('retention', () => {
  test("is the deployment's until it is set, and again when that is asked for", async () => {
    expect((await shown())['retention']).toEqual({ days: 7, min_fulls: 1, origin: 'deployment' });
    const { status, body } = await change({ retention: { days: 30 } });
    expect([status, body['retention']]).toEqual([200, { days: 30, min_fulls: 1, origin: 'service' }]);
    const list = (await api.ask('GET', '/services?page_size=1000')).body['services'] as Record<
      string,
      unknown
    >[];
    expect(list.find((one) => one['service_id'] === service.serviceId)?.['retention']).toEqual({
      days: 30,
      min_fulls: 1,
      origin: 'service',
    });
    expect((await change({ retention: { days: 'default' } })).body['retention']).toEqual({
      days: 7,
      min_fulls: 1,
      origin: 'deployment',
    });
  });

  test('may keep the newest of periods, and a least number of fulls, and what is not named stays', async () => {
    const after = async (retention: object): Promise<unknown> => {
      const answer = await change({ retention });
      expect(answer.status).toBe(200);
      return answer.body['retention'];
    };
    const keep = { daily: 7, weekly: 4 };
    expect(await after({ keep: { ...keep, yearly: 0 } })).toEqual({ keep, min_fulls: 1, origin: 'service' });
    expect(await after({ min_fulls: 3 })).toEqual({ keep, min_fulls: 3, origin: 'service' });
    expect(await after({ days: 2, keep })).toEqual({ days: 2, keep, min_fulls: 3, origin: 'service' });
    expect(await after({ days: 2 })).toEqual({ days: 2, min_fulls: 3, origin: 'service' });
    expect(await after({ days: 'default' })).toEqual({ days: 7, min_fulls: 3, origin: 'deployment' });
    expect(await after({ min_fulls: 'default' })).toEqual({ days: 7, min_fulls: 1, origin: 'deployment' });
    expect(await api.catalog.findServiceSettings([service.serviceId])).toEqual(
      new Map([[service.serviceId, {}]]),
    );
  });

  test('tells what it would remove and what it keeps, each with its reason', async () => {
    const first = await succeededBackup(api.catalog, service, 'a');
    const newest = await succeededBackup(api.catalog, service, 'b');
    const { status, body } = await api.ask('GET', `/services/${service.serviceId}/retention`, {
      token: tokens.viewer,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      service_id: service.serviceId,
      policy: { days: 7, origin: 'deployment' },
      remove: [],
      remove_bytes: 0,
    });
    const kept = body['keep'] as Record<string, unknown>[];
    expect(kept.map(({ id }) => id).toSorted()).toEqual([first.id, newest.id].toSorted());
    expect(kept[0]).toMatchObject({ type: 'full', status: 'Succeeded', storage_bytes: 5_327_326 });
    expect(kept[0]?.['reason']).toMatch(/^It is kept until .* UTC: 7 days after it ended\.$/);
  });

  test.each(['/services/none/retention', '/services/a:b:c/retention'])('GET %s is 404', async (path) => {
    const answer = await api.ask('GET', path);
    expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
  });
});

describe('nightly', () => {
  test('is none before it was given one, and made when an hour is set, at a minute of the service', async () => {
    expect((await shown())['nightly']).toEqual({ state: 'none' });
    const { status, body } = await change({ nightly: { hour: 3 } });
    expect(status).toBe(200);
    const cron = nightlyCron(minuteWithin(service.serviceId, 3));
    expect(body['nightly']).toMatchObject({ state: 'scheduled', schedule: cron });
    const { schedule_id: id } = body['nightly'] as { schedule_id: number };
    const schedule = await api.ask('GET', `/backups/schedules/${id}`);
    expect(schedule.body).toMatchObject({
      id,
      service_id: service.serviceId,
      schedule: cron,
      type: 'full',
      labels: { origin: 'nightly' },
    });
    expect((body['nightly'] as { next_run: string }).next_run).toBe(schedule.body['scheduled_at']);
  });

  test('that was deleted is told as such, and comes back at its own minute', async () => {
    const first = (await change({ nightly: { hour: 2, minute: 5 } })).body['nightly'] as {
      schedule_id: number;
    };
    expect((await api.ask('DELETE', `/backups/schedules/${first.schedule_id}`)).status).toBe(200);
    expect((await shown())['nightly']).toEqual({ state: 'deleted' });
    const back = (await change({ nightly: { hour: 'default' } })).body['nightly'] as Record<string, unknown>;
    expect(back).toMatchObject({
      state: 'scheduled',
      schedule: nightlyCron(nightlyTime(service.serviceId, serviceDefaults.nightlyWindow)),
    });
    expect(back['schedule_id']).not.toBe(first.schedule_id);
  });

  test('that is suspended stays so when its hour is changed, and says so', async () => {
    const { schedule_id: id } = (await change({ nightly: { hour: 2 } })).body['nightly'] as {
      schedule_id: number;
    };
    await api.ask('PATCH', `/backups/schedules/${id}`, { body: { suspended: true } });
    const { body } = await change({ nightly: { hour: 4, minute: 30 } });
    expect(body['nightly']).toEqual({ state: 'suspended', schedule_id: id, schedule: '30 4 * * *' });
  });
});

describe('encryption', () => {
  test("has the deployment's recipients until it is set, and again when that is asked for", async () => {
    const nobody = { recipients: [], origin: 'deployment', pinned: [], unencrypted: 'allowed' };
    expect((await shown())['encryption']).toEqual(nobody);
    const { status, body } = await change({ encryption: { recipients: [keys[0], keys[1], keys[0]] } });
    const own = { ...nobody, recipients: [keys[0], keys[1]], origin: 'service' };
    expect([status, body['encryption']]).toEqual([200, own]);
    expect(await shown()).toMatchObject({ encryption: own, retention: { origin: 'deployment' } });
    const none = await change({ encryption: { recipients: [] } });
    expect(none.body['encryption']).toEqual({ ...own, recipients: [] });
    expect((await change({ encryption: { recipients: 'default' } })).body['encryption']).toEqual(nobody);
  });

  test("shows what the agent's own settings add, and that it refuses anything less", async () => {
    service = serviceRecord({
      serviceId: service.serviceId,
      encryption: { recipients: [keys[1]], unencrypted: 'refused' },
    });
    await api.catalog.upsertService(service);
    expect((await change({ encryption: { recipients: [] } })).body['encryption']).toEqual({
      recipients: [],
      origin: 'service',
      pinned: [keys[1]],
      unencrypted: 'refused',
    });
  });

  test('that is asked for and would be for nobody keeps a backup, and a setting, from being taken', async () => {
    service = serviceRecord({
      serviceId: service.serviceId,
      encryption: { recipients: [], unencrypted: 'refused' },
    });
    await api.catalog.upsertService(service);
    const setting = await change({ encryption: { recipients: [] } });
    expect([setting.status, setting.errors]).toEqual([409, ['encryption_required']]);
    const order = { service_id: service.serviceId, backup_type: 'full' };
    for (const schedule of ['once', '0 9 * * *']) {
      const refused = await api.ask('POST', '/backups/schedules', { body: { ...order, schedule } });
      expect([refused.status, refused.errors]).toEqual([409, ['encryption_required']]);
      expect(refused.messages).toContain(`PATCH /services/${service.serviceId}`);
    }
    await change({ encryption: { recipients: [keys[0]] } });
    const taken = await api.ask('POST', '/backups/schedules', { body: { ...order, schedule: 'once' } });
    expect(taken.status).toBe(200);
  });

  test('that a deployment insists on is refused for nobody, and done for those it names or the agent pins', async () => {
    const encryption = { recipients: [], unencrypted: 'refused' as const };
    const strict = await openApi('there', { beside: api, defaults: { ...serviceDefaults, encryption } });
    const body = { service_id: service.serviceId, backup_type: 'full', schedule: 'once' };
    const refused = await strict.ask('POST', '/backups/schedules', { body });
    expect([refused.status, refused.errors]).toEqual([409, ['encryption_required']]);
    const setting = { encryption: { recipients: [] } };
    const none = await strict.ask('PATCH', `/services/${service.serviceId}`, { body: setting });
    expect([none.status, none.errors]).toEqual([409, ['encryption_required']]);
    service = { ...service, encryption: { recipients: [keys[0]], unencrypted: 'allowed' } };
    await api.catalog.upsertService(service);
    expect((await strict.ask('POST', '/backups/schedules', { body })).status).toBe(200);
    await strict.close();
  });

  test('never repeats a secret key that was taken for a public one', async () => {
    const { identity } = newAgeIdentity();
    const answer = await change({ encryption: { recipients: [identity] } });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('is a secret key');
    expect(answer.text + JSON.stringify(api.log)).not.toContain(identity.slice(16, 40));
  });
});

describe('a change', () => {
  test('of two things at once does both; two at once lose neither', async () => {
    await Promise.all([change({ retention: { days: 3 } }), change({ nightly: { hour: 5, minute: 0 } })]);
    expect(await shown()).toMatchObject({
      retention: { days: 3, origin: 'service' },
      nightly: { schedule: '0 5 * * *' },
    });
    const { body } = await change({ retention: { days: 4 }, nightly: { hour: 6, minute: 1 } });
    expect(body).toMatchObject({ retention: { days: 4 }, nightly: { schedule: '1 6 * * *' } });
  });

  test('to a chain keeps what is not named, and "default" follows the deployment again', async () => {
    expect(await shown()).toMatchObject({
      chain: { incremental_base: 'last', max_chain: 7, max_share: 100 },
    });
    await change({ chain: { incremental_base: 'full', max_chain: 3 } });
    const { body } = await change({ chain: { max_share: 50, max_chain: 'default' } });
    expect(body).toMatchObject({ chain: { incremental_base: 'full', max_chain: 7, max_share: 50 } });
    await change({ chain: { incremental_base: 'default', max_share: 'default' } });
    expect(await shown()).toMatchObject({
      chain: { incremental_base: 'last', max_chain: 7, max_share: 100 },
    });
  });

  test('how long what a restore replaces is kept, until the agent says it again', async () => {
    expect(await shown()).not.toHaveProperty('keep_previous');
    expect((await change({ keep_previous: '48h' })).body).toMatchObject({ keep_previous: '2d' });
    await change({ retention: { days: 8 } });
    expect(await shown()).toMatchObject({ keep_previous: '2d' });
    await change({ keep_previous: 'default', retention: { days: 'default' } });
    expect(await shown()).not.toHaveProperty('keep_previous');
  });

  test('which databases a dump holds, one list by itself, until no name is left', async () => {
    expect(await shown()).toMatchObject({ dump: { include: [], exclude: [] } });
    await change({ dump: { include: ['shop', 'blog', 'shop'] } });
    const { body } = await change({ dump: { exclude: ['scratch'] } });
    expect(body).toMatchObject({ dump: { include: ['shop', 'blog'], exclude: ['scratch'] } });
    await change({ dump: { include: 'default', exclude: [] } });
    expect(await shown()).toMatchObject({ dump: { include: [], exclude: [] } });
  });

  test('when it is proven is shown in its normal form with the next time, until it is switched off', async () => {
    expect(await shown()).not.toHaveProperty('drill');
    const { status, body } = await change({ drill: '0 5 ** 0' });
    expect([status, body['drill']]).toEqual([
      200,
      { schedule: '0 5 * * 0', next_run: expect.stringMatching(/T05:0\d:\d\dZ$/) as unknown },
    ]);
    await change({ retention: { min_fulls: 2 } });
    expect(await shown()).toHaveProperty('drill');
    await change({ drill: 'off' });
    expect(await shown()).not.toHaveProperty('drill');
    await change({ retention: { min_fulls: 'default' } });
  });

  test('of its archiving is shown, what is not named stays, and "default" follows the deployment again', async () => {
    const usual = { archive: true, interval: '10s', full_after_hole: true };
    expect((await shown())['archiving']).toMatchObject(usual);
    const changed = await change({ binlog: { archive: false, interval: '90s' } });
    expect([changed.status, changed.body['archiving']]).toMatchObject([
      200,
      { ...usual, archive: false, interval: '90s' },
    ]);
    await change({ binlog: { full_after_hole: false } });
    expect((await shown())['archiving']).toMatchObject({
      archive: false,
      interval: '90s',
      full_after_hole: false,
    });
    await change({ binlog: { archive: 'default', interval: 'default', full_after_hole: 'default' } });
    expect((await shown())['archiving']).toMatchObject(usual);
  });

  test.each([
    [{}, 'at least one setting'],
    [{ retention: {} }, '"retention" has to be with days, keep or min_fulls'],
    [{ retention: { keep: {} } }, '"retention.keep" has to be with at least one of daily, weekly'],
    [{ retention: { keep: { daily: 0 } } }, 'with at least one of daily, weekly, monthly, yearly above 0'],
    [{ retention: { keep: { hourly: 1 } } }, '"retention.keep.hourly" is unknown here'],
    [{ retention: { keep: { daily: 1.5 } } }, 'a whole number from 0 to 10000'],
    [{ retention: { days: 'default', keep: { daily: 1 } } }, '"retention.keep" has to be left out when'],
    [{ retention: { min_fulls: 0 } }, 'a whole number from 1 to 1000, or "default", not 0'],
    [{ retention: { days: 0 } }, 'a whole number from 1 to 3650, or "default", not 0'],
    [{ retention: { days: 7.5 } }, 'a whole number from 1 to 3650'],
    [{ retention: { days: null } }, 'a whole number from 1 to 3650'],
    [{ retention: { days: 7, weeks: 1 } }, '"retention.weeks" is unknown here'],
    [{ retention: 7 }, 'an object with days'],
    [{ nightly: { hour: 24 } }, 'a whole number from 0 to 23, or "default"'],
    [
      { nightly: { hour: 'default', minute: 3 } },
      '"nightly.minute" has to be left out when hour is "default"',
    ],
    [{ nightly: { hour: 3, minute: 60 } }, 'a whole number from 0 to 59'],
    [{ binlog: { archive: 'yes' } }, 'true, false or "default"'],
    [{ binlog: { interval: '0s' } }, 'from 1s to 1d, a whole number and a unit'],
    [{ binlog: { interval: '25h' } }, 'from 1s to 1d, a whole number and a unit'],
    [{ binlog: { spool: '1G' } }, '"binlog.spool" is unknown here'],
    [{ encryption: { recipients: ['ssh-rsa AAAA'] } }, 'an age public key'],
    [{ encryption: { recipients: 'none' } }, 'or "default"'],
    [
      { encryption: { recipients: [example, `${example.slice(0, -1)}q`] } },
      'field "encryption.recipients[1]" has to be an age public key as age-keygen prints it: age1…; this one has a wrong checksum',
    ],
    [{ copies: [{ storage: 's3://x' }] }, '"copies"'],
    [{ copies: 'yes' }, '"copies" has to be a list'],
    [{ chain: { max_chain: -1 } }, 'a whole number from 0 to 1000, or "default"'],
    [{ chain: { incremental_base: 'first' } }, '"last", "full" or "default"'],
    [{ chain: { full_every: '7d' } }, '"chain.full_every" is unknown here'],
    [{ dump: { exclude: ['shop.orders'] } }, 'the name of a database, without a dot'],
    [{ dump: { exclude: 'shop' } }, 'a list, each the name of a database'],
    [{ keep_previous: 3600 }, 'from 10m to 365d'],
    [{ keep_previous: '5m' }, 'from 10m to 365d, a whole number and a unit'],
    [{ drill: 'once' }, 'a cron expression of five fields'],
    [{ service_name: 'mine' }, '"service_name" is unknown here'],
  ])('to %j is refused', async (body, words) => {
    const answer = await change(body);
    expect([answer.status, new Set(answer.errors)]).toEqual([400, new Set(['invalid_request'])]);
    expect(answer.messages).toContain(words);
  });

  test('says all that is wrong at once', async () => {
    const answer = await change({ retention: { days: 0 }, nightly: { hour: -1 }, drill: 'x', colour: 'red' });
    expect(answer.errors).toHaveLength(4);
  });

  test('is for administrators, of services of their own', async () => {
    const body = { retention: { days: 1 } };
    expect((await change(body, tokens.viewer)).errors).toEqual(['forbidden']);
    expect((await change(body, tokens.operator)).errors).toEqual(['forbidden']);
    expect((await change(body, tokens.stranger)).errors).toEqual(['service_not_found']);
    expect((await api.ask('PATCH', '/services/none', { body })).errors).toEqual(['service_not_found']);
    expect((await shown())['retention']).toEqual({ days: 7, min_fulls: 1, origin: 'deployment' });
  });
});
