import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { awsCredentials, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
const service = serviceRecord();
const schedules = '/backups/schedules';
const order = { backup_type: 'full', schedule: 'once', service_id: service.serviceId };

beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(serviceRecord({ serviceId: 'theirs', organization: 'other' }));
});
afterAll(async () => {
  await api.close();
});

describe('POST /backups/schedules', () => {
  test('answers with the schedule and starts one workflow, found by its search attributes', async () => {
    const answer = await api.ask('POST', schedules, { body: order });

    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      id: expect.any(Number),
      service_id: 'dbtgf28044362',
      schedule: 'once',
      type: 'full',
      status: 'Scheduled',
      message: 'Backup is scheduled.',
      suspended: false,
    });
    const id = String(answer.body['backup_id']);
    const [hex] = id.split(':');
    const handle = api.client.workflow.getHandle(
      `backup/${service.serviceId}/${String(answer.body['id'])}/${hex}`,
    );
    const { type, taskQueue, status, raw } = await handle.describe();
    expect({ type, taskQueue, status: status.name }).toEqual({
      type: 'backup',
      taskQueue: 'tidemark',
      status: 'RUNNING',
    });
    expect(Object.keys(raw.workflowExecutionInfo?.searchAttributes?.indexedFields ?? {}).toSorted()).toEqual(
      expect.arrayContaining(['BackupType', 'Operation', 'ServiceId']),
    );
  });

  test('hands the settings over to the workflow', async () => {
    const { body } = await api.ask('POST', schedules, { body: order });
    const [hex] = String(body['backup_id']).split(':');
    const handle = api.client.workflow.getHandle(`backup/${service.serviceId}/${String(body['id'])}/${hex}`);
    const history = await handle.fetchHistory();
    const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(payload ?? []).toString())).toMatchObject({
      backupId: body['backup_id'],
      scheduleId: body['id'],
      serviceId: service.serviceId,
      organization: 'acme',
      type: 'full',
      timings: { agentWaitMs: 5_000 },
    });
  });

  test('takes "physical" as full, and an operator may order it', async () => {
    const answer = await api.ask('POST', schedules, {
      token: tokens.operator,
      body: { ...order, backup_type: 'physical' },
    });
    expect([answer.status, answer.body['type']]).toEqual([200, 'full']);
  });

  test.each(['dump', 'logical'])('orders a dump, as "%s" too', async (backup_type) => {
    const answer = await api.ask('POST', schedules, { body: { ...order, backup_type } });
    expect([answer.status, answer.body['type']]).toEqual([200, 'dump']);
  });

  test.each([
    [{ backup_type: 'snapshot' }, 'no volume snapshots'],
    [{ backup_type: 'snapshot', schedule: '0 9 ** *' }, 'Ask for "backup_type": "full", "incremental"'],
  ])('refuses %j as not available and says what is', async (change, hint) => {
    const answer = await api.ask('POST', schedules, { body: { ...order, ...change } });
    expect([answer.status, answer.errors]).toEqual([400, ['not_available']]);
    expect(answer.messages).toContain(hint);
  });

  test('refuses a single incremental where nothing is there to build on, and takes one by a schedule', async () => {
    const single = await api.ask('POST', schedules, { body: { ...order, backup_type: 'incremental' } });
    expect([single.status, single.errors]).toEqual([400, ['chain_broken']]);
    expect(single.messages).toContain('Take a full backup: "backup_type": "full"');
    const repeating = { ...order, backup_type: 'incremental', schedule: '0 4 * * *' };
    const answer = await api.ask('POST', schedules, { body: repeating });
    expect([answer.status, answer.body['type']]).toEqual([200, 'incremental']);
  });

  test('says everything that is wrong with a body at once', async () => {
    const answer = await api.ask('POST', `${schedules}?explain=perhaps`, {
      body: { backup_type: 'complete', schedule: '61 * * * *', colour: 'red' },
    });
    expect(answer.status).toBe(400);
    expect(answer.errors.toSorted()).toEqual([
      'invalid_request',
      'invalid_request',
      'invalid_request',
      'invalid_request',
      'invalid_schedule',
    ]);
    for (const name of ['explain', 'backup_type', 'schedule', 'service_id', 'colour']) {
      expect(answer.messages).toContain(`"${name}"`);
    }
  });

  test('never repeats credentials, right or wrong', async () => {
    const secret = 'hunter2-not-base64!';
    const answer = await api.ask('POST', schedules, {
      body: { ...order, external_storage: { bucket: { path: 'gs://b', credentials: secret } } },
    });
    expect(answer.errors).toEqual(['invalid_request']);
    expect(answer.messages).toContain(
      '"external_storage.bucket.credentials" has to be credentials in base64.',
    );
    expect(JSON.stringify([answer.body, api.log])).not.toContain('hunter2');
  });

  test.each(['s3://u:hunter2@b/p', 's3:/hunter2@b', 'gs://b/p?sig=hunter2', 's3:hunter2', 's3://b#hunter2'])(
    'never repeats a secret in the address of a bucket, and judges no credentials beside it: %s',
    async (path) => {
      const bucket = { path, credentials: awsCredentials };
      const answer = await api.ask('POST', schedules, { body: { ...order, external_storage: { bucket } } });
      expect(answer.errors).toEqual(['invalid_request']);
      expect(answer.messages).toContain(
        '"external_storage.bucket.path" has to be a bucket as s3://name/folder',
      );
      expect(answer.messages).not.toMatch(/undefined|credentials/);
      expect(JSON.stringify([answer.body, api.log])).not.toContain('hunter2');
      const from = { bucket: path, method: 'mariabackup', credentials: awsCredentials };
      const restore = await api.ask('POST', '/restores', {
        body: { id: 'x', service_id: 's', external_source: from },
      });
      expect(restore.messages).toContain('"external_source.bucket" has to be a bucket');
      expect(JSON.stringify([restore.body, api.log])).not.toContain('hunter2');
    },
  );

  test.each(['unknown', 'theirs', 'schedules', 'a/b', '\u0000'])(
    'answers 404 for the service %j and orders nothing',
    async (id) => {
      const before = (await api.catalog.unfinished()).backups.length;
      const answer = await api.ask('POST', schedules, { body: { ...order, service_id: id } });
      expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
      expect((await api.catalog.unfinished()).backups).toHaveLength(before);
    },
  );

  test('a viewer may not order, and an operator may not order a cron', async () => {
    const viewer = await api.ask('POST', schedules, { token: tokens.viewer, body: order });
    expect([viewer.status, viewer.errors]).toEqual([403, ['forbidden']]);
    const cron = { ...order, schedule: '0 3 * * *' };
    const operator = await api.ask('POST', schedules, { token: tokens.operator, body: cron });
    expect(operator.status).toBe(403);
    expect(operator.messages).toContain('administrator');
  });
});

describe('GET /backups/schedules/{id}', () => {
  test('answers as the order did', async () => {
    const { body } = await api.ask('POST', schedules, { body: order });
    const answer = await api.ask('GET', `${schedules}/${String(body['id'])}`, { token: tokens.viewer });
    expect(answer.body).toEqual(body);
  });

  test.each(['999999', 'x', '-1', '1.5', '99999999999999999999'])('refuses %s', async (id) => {
    const answer = await api.ask('GET', `${schedules}/${id}`);
    expect(answer.errors).toEqual([id === '999999' ? 'schedule_not_found' : 'invalid_request']);
  });

  test("hides another organization's", async () => {
    const { body } = await api.ask('POST', schedules, { body: order });
    const answer = await api.ask('GET', `${schedules}/${String(body['id'])}`, { token: tokens.stranger });
    expect([answer.status, answer.errors]).toEqual([404, ['schedule_not_found']]);
  });
});

describe('lists and single backups', () => {
  const mine = serviceRecord({ serviceId: 'listed', agentId: 'agent-2' });

  beforeAll(async () => {
    await api.catalog.upsertService(mine);
    for (const digit of ['a', 'b', 'c']) await succeededBackup(api.catalog, mine, digit);
  });

  test('a backup has every field of the contract, times and sizes in its forms', async () => {
    const id = `${'a'.repeat(32)}:listed:mdb-ms-0`;
    const { status, body } = await api.ask('GET', `/backups/${id}`, { token: tokens.viewer });
    expect(status).toBe(200);
    expect(body).toEqual({
      id,
      service_id: 'listed',
      service_name: 'orders',
      type: 'full',
      method: 'skybucket',
      server_pod: 'mdb-ms-0',
      status: 'Succeeded',
      message: 'Backup has succeeded!',
      start_time: '2024-03-26T17:18:57Z',
      end_time: '2024-03-26T17:19:01Z',
      point_in_time: '2024-03-26 17:18:21',
      reference_full_backup: '',
      binlog_file: 'binlog.000007',
      binlog_position: '4711',
      binlog_gtid_position: '0-1-42',
      backup_size: 5_327_326,
      storage_bytes: 5_327_326,
      disk_size: '120.0 MiB',
      disk_size_bytes: 125_829_120,
      is_external_storage: false,
      schedule_id: expect.any(Number),
      progress: {
        phase: 'done',
        percent: 100,
        bytes_done: 5_327_326,
        bytes_total: 5_327_326,
        bytes_per_second: 0,
        eta_seconds: 0,
      },
    });
  });

  test('pages a list, newest first unless asked otherwise', async () => {
    const ids = async (query: string): Promise<unknown[]> => {
      const { body } = await api.ask('GET', `/backups/listed?${query}`);
      expect([body['backups_count'], body['pages_count']]).toEqual([3, 2]);
      return (body['backups'] as { id: string }[]).map(({ id }) => id[0]);
    };
    expect(await ids('page_size=2')).toEqual(['c', 'b']);
    expect(await ids('page_size=2&page=2')).toEqual(['a']);
    expect(await ids('page_size=2&order=asc')).toEqual(['a', 'b']);
    expect(await ids('page_size=2&page=9')).toEqual([]);
    expect(await ids('page_size=2&service_id=listed')).toEqual(['c', 'b']);
    const other = await api.ask('GET', '/backups/listed?service_id=another');
    expect([other.status, other.body]).toEqual([200, { backups: [], backups_count: 0, pages_count: 0 }]);
  });

  test.each([
    ['service_id=listed', 3],
    ['service_id=listed&status=Succeeded&type=full', 3],
    ['service_id=listed&type=physical', 3],
    ['service_id=listed&type=logical', 0],
    ['service_id=listed&status=Failed', 0],
    ['service_id=listed&created_before=2000-01-01T00:00:00Z', 0],
    ['service_id=unknown', 0],
    ['service_id=theirs', 0],
    ['service_id=%00', 0],
    ['type=snapshot', 0],
  ])('GET /backups?%s gives %d backups', async (query, count) => {
    const { status, body } = await api.ask('GET', `/backups?${query}`);
    expect([status, body['backups_count'], (body['backups'] as unknown[]).length]).toEqual([
      200,
      count,
      count,
    ]);
  });

  test.each([
    'page=0',
    'page=x',
    'page=',
    'page_size=10001',
    'order=up',
    'status=succeeded',
    'type=whole',
    'created_before=yesterday',
    'limit=5',
    'page=1&page=1',
  ])('GET /backups?%s is refused', async (query) => {
    const answer = await api.ask('GET', `/backups?${query}`);
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain(`"${query.split('=')[0]}"`);
  });

  test.each([
    ['unknown', 'service_not_found'],
    ['theirs', 'service_not_found'],
    ['%00', 'service_not_found'],
    ['%E0%A4%A', 'service_not_found'],
    [`${'f'.repeat(32)}:listed:mdb-ms-0`, 'backup_not_found'],
    ['a:b', 'backup_not_found'],
    ['a:b:c', 'backup_not_found'],
  ])('GET /backups/%s is %s', async (id, error) => {
    const answer = await api.ask('GET', `/backups/${id}`);
    expect([answer.status, answer.errors]).toEqual([404, [error]]);
  });

  test('another organization sees nothing of ours', async () => {
    const token = tokens.stranger;
    const list = await api.ask('GET', '/backups', { token });
    expect(list.body['backups_count']).toBe(0);
    const one = await api.ask('GET', `/backups/${'a'.repeat(32)}:listed:mdb-ms-0`, { token });
    expect(one.errors).toEqual(['backup_not_found']);
    expect((await api.ask('GET', '/backups/listed', { token })).errors).toEqual(['service_not_found']);
  });
});
