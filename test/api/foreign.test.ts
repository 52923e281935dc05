/** Restores of backups that Tidemark did not make, as they are ordered. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { SealedSource } from '../../domain/foreign.ts';
import { agentTaskQueue } from '../../domain/ids.ts';
import { openSealedSource } from '../../sealing/for-source.ts';
import {
  type Answer,
  awsCredentials,
  type Harness,
  openApi,
  serviceRecord,
  testKeyRing,
  tokens,
} from './harness.ts';
import { openWorkers, type Workers } from './workers.ts';

let api: Harness;
let workers: Workers;
const service = serviceRecord({ storage: 's3://managed/tide%20mark' });
const local = serviceRecord({ serviceId: 'local', storage: 'file:///srv/backups' });
const theirs = serviceRecord({ serviceId: 'theirs', organization: 'stranger' });

beforeAll(async () => {
  api = await openApi('there');
  workers = await openWorkers(api.namespace);
  for (const record of [service, local, theirs]) await api.catalog.upsertService(record);
});
afterAll(async () => {
  await workers.close();
  await api.close();
});

const answering = { ping: async () => ({ agentId: service.agentId }) };

async function restore(body: object): Promise<Answer> {
  return await api.ask('POST', '/restores', { body: { service_id: service.serviceId, ...body } });
}

/** While the agent answers; the restore is over afterwards. */
async function ordered(body: object): Promise<Answer> {
  const answer = await workers.during('tidemark', undefined, async () =>
    workers.during(agentTaskQueue(service.agentId, 'control'), answering, async () => restore(body)),
  );
  const id = Number(answer.body['id']);
  if (answer.status === 200) {
    await api.catalog.updateRestore(id, { status: 'Failed', message: 'Ended by the test.' });
    await api.catalog.releasePlace(String(answer.body['workflow_id']));
  }
  return answer;
}

const from = { bucket: 's3://mine/', method: 'mariabackup', credentials: awsCredentials };

test.each([
  [{ external_source: from, encryption_key: 'open sesame 1' }, 's3://mine', 'physical'],
  [
    { external_source: { ...from, bucket: 'mine', encryption_key: 'open sesame 1' } },
    's3://mine',
    'physical',
  ],
  [{ external_source: { ...from, method: 'mysqldump' } }, 's3://mine', 'logical'],
])('%j is ordered, and its secrets are sealed', async (fields, bucket, type) => {
  const answer = await ordered({ id: '/old/backup.tar.gz', ...fields });
  expect([answer.status, answer.messages]).toEqual([200, '']);
  expect(answer.body).toMatchObject({
    backup_id: '/old/backup.tar.gz',
    key: '/old/backup.tar.gz',
    bucket,
    type,
    status: 'Scheduled',
  });
  const id = Number(answer.body['id']);
  const source = await api.catalog.findRestoreSource(id);
  expect(source).toMatchObject({ location: bucket });
  const handle = api.client.workflow.getHandle(String(answer.body['workflow_id']));
  const { events = [] } = await handle.fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  const input = Buffer.from(payload ?? []).toString();
  expect(JSON.parse(input)).toMatchObject({ foreign: true, backupId: '/old/backup.tar.gz' });
  const shown = JSON.stringify([answer.body, input, source, api.log]);
  expect(shown).not.toMatch(/sesame|wJalrXUtnFEMI|AKIAIOSFODNN7EXAMPLE/);
  expect(shown).not.toContain(awsCredentials.slice(0, 40));
});

test('the secrets of a plan are sealed for the agent and this one question alone', async () => {
  const { recipient, identity } = newAgeIdentity();
  const planned = serviceRecord({ serviceId: 'planned', agentId: 'agent-of-plans' });
  const enrolment = await api.ask('POST', '/agents', { body: { service_id: planned.serviceId } });
  const keys = { signingKey: 'key', recipient, sequence: 1 };
  const enrolled = { id: String(enrolment.body['id']), ...keys, service: planned };
  expect(await api.catalog.enrolAgent(enrolled)).toEqual({ outcome: 'enrolled' });
  const { agentId } = planned;
  const ping = { ping: async () => ({ agentId }) };
  const external_source = { ...from, encryption_key: 'open sesame 1' };
  const body = { id: '/old/full.tar', service_id: planned.serviceId, external_source };
  const execute = jest.spyOn(api.client.workflow, 'execute');
  const answer = await workers.during('tidemark', undefined, async () =>
    workers.during(agentTaskQueue(agentId, 'control'), ping, async () =>
      api.ask('POST', '/restores?dry_run=true', { body }),
    ),
  );
  expect([answer.status, answer.messages]).toEqual([200, '']);
  const [called] = execute.mock.calls.filter(([type]) => type === 'restorePlan');
  const { workflowId } = called![1];
  const { text, source } = await sourceIn(workflowId);
  expect(text).not.toMatch(/sesame|wJalrXUtnFEMI|AKIAIOSFODNN7EXAMPLE/);
  // No envelope of the deployment's, which a control worker would open for whoever brings it.
  expect(text).not.toContain(testKeyRing().keyId);
  expect(openSealedSource(source, { agentId, workflowId }, identity)).toMatchObject({
    location: 's3://mine',
    object: 'old/full.tar',
    method: 'mariabackup',
    encryptionKey: 'open sesame 1',
  });
  const another = { code: 'sealed_for_another' };
  const opening = (purpose: object, key: string) => (): unknown =>
    openSealedSource(source, { agentId, workflowId, ...purpose }, key);
  expect(opening({ workflowId: 'restore-plan/planned/later' }, identity)).toThrow(
    expect.objectContaining(another),
  );
  expect(opening({}, newAgeIdentity().identity)).toThrow(expect.objectContaining(another));
});

/** Of a plan: what its history has of it. */
async function sourceIn(workflowId: string): Promise<{ text: string; source: SealedSource }> {
  const { events = [] } = await api.client.workflow.getHandle(workflowId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  const text = Buffer.from(payload ?? []).toString();
  return { text, source: (JSON.parse(text) as { source: SealedSource }).source };
}

describe('without credentials', () => {
  const managed = { bucket: 's3://managed', method: 'mysqldump' };

  test.each([`/tide mark/${service.serviceId}/import/old.sql.gz`, '/tide mark/local/old.sql'])(
    '%s, below the folder of an own service, is read from the managed storage',
    async (id) => {
      const answer = await ordered({ id, external_source: managed });
      expect([answer.status, answer.messages]).toEqual([200, '']);
    },
  );

  test.each([
    ['/tide mark/theirs/old.sql', managed],
    ['/tide mark/old.sql', managed],
    [`/tide mark/${service.serviceId}`, managed],
    [`/${service.serviceId}/old.sql`, managed],
    [`/tide mark/${service.serviceId}/../theirs/old.sql`, managed],
    [`/tide mark/${service.serviceId}/old.sql`, { ...managed, bucket: 's3://mine' }],
    [`/tide mark/${service.serviceId}/old.sql`, { ...managed, bucket: 'gs://managed' }],
  ])('%s of %j is refused', async (id, external_source) => {
    const answer = await restore({ id, external_source });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
  });

  test('a deployment on a local disk has no bucket to read from', async () => {
    const body = { id: '/local/old.sql', service_id: 'local', external_source: managed };
    const answer = await restore(body);
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('"external_source.credentials" is missing');
  });
});

test.each(['', '/', '//a', '/a/../b', '/a/./b', '/a\\b', `/${'a'.repeat(256)}`])(
  'the path %j is refused',
  async (id) => {
    const answer = await restore({ id, external_source: from });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('"id"');
  },
);

test.each([{ point_in_time: '2024-03-26 17:18:21' }, { gtid: '0-1-42' }, { latest: true }])(
  '%j beside it makes no sense',
  async (fields) => {
    const answer = await restore({ id: '/a.tar', external_source: from, ...fields });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain(`"${Object.keys(fields)[0]}"`);
  },
);

test('a part of it is ordered like one of any backup', async () => {
  const part = { include: ['shop.orders'], as: 'shop_of_old' };
  const answer = await ordered({ id: '/a.tar', external_source: from, ...part });
  expect([answer.status, answer.messages]).toEqual([200, '']);
  expect(answer.body).toMatchObject(part);
  const mode = 'in-place';
  const refused = await restore({ id: '/a.tar', external_source: from, include: ['shop'], mode });
  expect([refused.status, refused.errors]).toEqual([400, ['invalid_request']]);
});

test('an endpoint that the deployment does not list is refused', async () => {
  const file =
    'aws_access_key_id = AKIA\naws_secret_access_key = secret\nendpoint_url = http://169.254.169.254/';
  const credentials = Buffer.from(file).toString('base64');
  const answer = await restore({ id: '/a.tar', external_source: { ...from, credentials } });
  expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
  expect(answer.messages).toContain('"external_source.credentials" names an endpoint_url');
});

test('only an administrator may order it', async () => {
  const body = { id: '/a.tar', service_id: service.serviceId, external_source: from };
  const answer = await api.ask('POST', '/restores', { body, token: tokens.viewer });
  expect([answer.status, answer.errors]).toEqual([403, ['forbidden']]);
});
