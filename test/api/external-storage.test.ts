/** Orders of backups into customers' buckets: what is refused at once, and where the credentials go. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bucketContext } from '../../domain/storage-credentials.ts';
import { googleKey } from '../support/google-key.ts';
import { awsCredentials, type Harness, openApi, serviceRecord, testKeyRing } from './harness.ts';

let api: Harness;
const service = serviceRecord();
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const { credentials: google } = googleKey({
  token_uri: 'http://169.254.169.254/token',
  universe_domain: 'evil.example.com',
});

beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
});
afterAll(async () => {
  await api.close();
});

function order(bucket: { path: string; credentials: unknown }, schedule = 'once', query = '') {
  return api.ask('POST', `/backups/schedules${query}`, {
    body: {
      backup_type: 'full',
      schedule,
      service_id: service.serviceId,
      external_storage: { bucket },
    },
  });
}

/** A whole key, with an end of its PEM that is as long as a request may be. */
function largeKey(): string {
  const { privateKey } = googleKey();
  const longer = privateKey.replace('-----END', `${'A'.repeat(500_000)}\n-----END`);
  return googleKey({ private_key: longer }).credentials;
}

function withEndpoint(endpoint: string): string {
  const text = `${Buffer.from(awsCredentials, 'base64').toString()}endpoint_url = ${endpoint}\n`;
  return Buffer.from(text).toString('base64');
}

describe('an order with external_storage', () => {
  test('is answered at once; the workflow hears that there is a bucket, and nothing of its credentials', async () => {
    const answer = await order({ path: 's3://mine/tidemark/', credentials: awsCredentials });
    expect([answer.status, answer.body['status']]).toEqual([200, 'Scheduled']);
    const id = String(answer.body['backup_id']);
    const backup = await api.ask('GET', `/backups/${encodeURIComponent(id)}`);
    expect(backup.body).toMatchObject({ method: 'external', is_external_storage: true });
    const handle = api.client.workflow.getHandle(
      `backup/${service.serviceId}/${String(answer.body['id'])}/${id.slice(0, 32)}`,
    );
    const { events } = await handle.fetchHistory();
    const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    const input = Buffer.from(payload ?? []).toString();
    expect(JSON.parse(input)).toMatchObject({ backupId: id, external: true });
    for (const text of [input, JSON.stringify([answer.body, backup.body, api.log])]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain('AKIAIOSFODNN7EXAMPLE');
      expect(text).not.toContain(awsCredentials.slice(0, 40));
    }
  });

  test('leaves the credentials sealed for their own row in the catalog', async () => {
    const { body } = await order({ path: 's3://mine/a b', credentials: awsCredentials });
    const record = await api.catalog.findExternalBucket(String(body['backup_id']));
    expect(record?.location).toBe('s3://mine/a%20b');
    expect(record?.sealed).toMatch(/^v1\./);
    const opened = testKeyRing().open(record?.sealed ?? '', bucketContext(record?.id ?? ''));
    expect(JSON.parse(opened)).toEqual({
      scheme: 's3',
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: secret,
      region: 'us-east-1',
    });
    expect(() => testKeyRing().open(record?.sealed ?? '', bucketContext('another'))).toThrow();
  });

  test('of Google keeps no address of the key', async () => {
    const { status, body } = await order({ path: 'gs://mine', credentials: google });
    expect(status).toBe(200);
    const record = await api.catalog.findExternalBucket(String(body['backup_id']));
    const opened = testKeyRing().open(record?.sealed ?? '', bucketContext(record?.id ?? ''));
    expect(opened).not.toMatch(/169\.254|evil/);
  });

  test('shows its bucket wherever it is shown, and nothing of the credentials', async () => {
    const bucket = { path: 's3://mine/a b/tidemark/', credentials: awsCredentials };
    const shown = { bucket: { path: 's3://mine/a b/tidemark' } };
    const once = await order(bucket);
    const repeating = await order(bucket, '0 5 * * *');
    const at = `/backups/schedules/${String(repeating.body['id'])}`;
    const got = await api.ask('GET', at);
    const updated = await api.ask('PATCH', at, { body: { schedule: '0 6 * * *' } });
    const listed = await api.ask('GET', `/backups/schedules?service_id=${service.serviceId}`);
    const answers = [once, repeating, got, updated, listed];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    for (const { body } of [once, repeating, got, updated]) expect(body['external_storage']).toEqual(shown);
    const schedules = listed.body['schedules'] as Record<string, unknown>[];
    const [first] = schedules.filter(({ id }) => id === repeating.body['id']);
    expect(first?.['external_storage']).toEqual(shown);
    expect(JSON.stringify(answers.map(({ body }) => body))).not.toMatch(/AKIA|sealed|credentials/);

    const managed = await api.ask('POST', '/backups/schedules', {
      body: { backup_type: 'full', schedule: '0 7 * * *', service_id: service.serviceId },
    });
    expect([managed.status, managed.body['external_storage']]).toEqual([200, undefined]);
    for (const { body } of [repeating, managed]) {
      const gone = await api.ask('DELETE', `/backups/schedules/${String(body['id'])}`);
      expect(gone.status).toBe(200);
    }
  });

  test('may repeat, may be explained, and is forgotten with its schedule', async () => {
    const bucket = { path: 's3://mine', credentials: awsCredentials };
    const explained = await order(bucket, '0 3 * * *', '?explain=true');
    expect([explained.status, explained.body['id']]).toEqual([200, undefined]);
    const { status, body } = await order(bucket, '0 3 * * *');
    expect([status, body['schedule']]).toEqual([200, '0 3 * * *']);
    const id = Number(body['id']);
    const begun = await api.catalog.beginScheduledBackup({
      scheduleId: id,
      dueAt: new Date().toISOString(),
      backupId: ({ serviceId, serverName }) => `${'ab'.repeat(16)}:${serviceId}:${serverName}`,
      workflowId: (backupId) => `backup/${backupId}`,
    });
    const backup = 'backup' in begun ? begun.backup : undefined;
    expect(backup?.method).toBe('external');
    await api.catalog.updateBackup(backup?.id ?? '', { status: 'Succeeded', message: 'Done.' });
    expect((await api.ask('DELETE', `/backups/schedules/${id}`)).status).toBe(200);
    // The backup may be restored yet.
    expect(await api.catalog.findExternalBucket(backup?.id ?? '')).toBeDefined();

    const unused = await order(bucket, '0 4 * * *');
    expect((await api.ask('DELETE', `/backups/schedules/${String(unused.body['id'])}`)).status).toBe(200);
  });

  test('is no candidate of retention', async () => {
    const { body } = await order({ path: 's3://mine', credentials: awsCredentials });
    const { candidates } = await api.catalog.retentionFacts(service.serviceId);
    expect(candidates.map(({ id }) => id)).not.toContain(body['backup_id']);
  });

  test.each([
    ['s3://mine/../theirs', awsCredentials, '"external_storage.bucket.path"'],
    ['s3://', awsCredentials, '"external_storage.bucket.path"'],
    ['file:///srv', awsCredentials, '"external_storage.bucket.path"'],
    ['gs://mine', awsCredentials, 'write s3://mine'],
    ['s3://mine', google, 'write gs://mine'],
    ['s3://mine', 'not base64!', 'in base64'],
    ['s3://mine', withEndpoint('http://169.254.169.254/'), 'external_endpoints'],
    ['s3://mine', withEndpoint('http://127.0.0.1:3306'), 'external_endpoints'],
    ['s3://mine', withEndpoint('http://10.0.0.7:7070'), 'external_endpoints'],
  ])('to %s is refused with what would be right', async (path, credentials, expected) => {
    const before = (await api.catalog.unfinished()).backups.length;
    const answer = await order({ path, credentials });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain(expected);
    expect(JSON.stringify([answer.body, api.log])).not.toContain(secret);
    expect((await api.catalog.unfinished()).backups).toHaveLength(before);
  });

  test.each([
    ['a key of a million bytes', 400, Buffer.alloc(700_000, 'a').toString('base64')],
    ['more than a request may have', 413, Buffer.alloc(2_000_000, 'a').toString('base64')],
    ['a file of NULs', 400, Buffer.alloc(100_000).toString('base64')],
    ['a Google key too large to be sealed for an agent', 400, largeKey()],
  ])('with %s is refused by %s', async (_what, expected, credentials) => {
    const before = (await api.catalog.unfinished()).backups.length;
    const { status, body } = await order({ path: 'gs://mine', credentials });
    expect(status).toBe(expected);
    expect(JSON.stringify(body).length).toBeLessThan(2_000);
    expect((await api.catalog.unfinished()).backups).toHaveLength(before);
  });

  test('is deleted when it is asked for, and its credentials are kept until that is done', async () => {
    const { body } = await order({ path: 's3://mine', credentials: awsCredentials });
    const id = String(body['backup_id']);
    await api.catalog.updateBackup(id, { status: 'Succeeded', message: 'Done.' });
    const { id: bucketId = '' } = (await api.catalog.findExternalBucket(id)) ?? {};
    const answer = await api.ask('DELETE', `/backups/${encodeURIComponent(id)}`);
    expect([answer.status, answer.body['removed']]).toEqual([200, [id]]);
    const needed = async (): Promise<boolean> =>
      !(await api.catalog.unneededBuckets()).some((bucket) => bucket.id === bucketId);
    expect([await api.catalog.forgetBucket(bucketId), await needed()]).toEqual([false, true]);
    await api.catalog.finishRemoval(id);
    expect([await needed(), await api.catalog.forgetBucket(bucketId)]).toEqual([false, true]);
  });

  test('may name an endpoint that the deployment lists', async () => {
    const { status } = await order({
      path: 's3://mine',
      credentials: withEndpoint('http://127.0.0.1:7070'),
    });
    expect(status).toBe(200);
  });
});
