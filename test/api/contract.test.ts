/** The samples of the contract, sent as they stand there with curl to a server that listens, get their answers. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHttpServer } from '../../api/http-server.ts';
import type { BackupRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { googleKey } from '../support/google-key.ts';
import { type Checker, checkerOf, type OpenApi } from '../support/openapi.ts';
import { awsCredentials, type Harness, openApi, serviceRecord, tokens } from './harness.ts';

const backupId = 'eda3b72460c8c0d9d61a7f01b6a22e32:dbtgf28216706:tx-filip-mdb-ms-0';

let api: Harness;
let server: ReturnType<typeof createHttpServer>;
let origin: string;
let check: Checker;
let backup: BackupRecord;

beforeAll(async () => {
  api = await openApi('there');
  server = createHttpServer(api.fetch, api.logger, 60_000).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  check = checkerOf((await (await fetch(`${origin}/openapi.json`)).json()) as OpenApi);
  await api.catalog.upsertService(serviceRecord());
  backup = await sampleBackup();
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await api.close();
});

/** The backup that the contract prints. */
async function sampleBackup(): Promise<BackupRecord> {
  const service = serviceRecord({ serviceId: 'dbtgf28216706', serverName: 'tx-filip-mdb-ms-0' });
  await api.catalog.upsertService(service);
  await api.catalog.createOneTimeBackup({
    organization: service.organization,
    service,
    type: 'full',
    backupId,
    message: 'Backup is scheduled.',
    workflowId: (scheduleId) => workflowIds.backup(backupId, scheduleId),
  });
  await api.catalog.updateBackup(backupId, {
    status: 'Succeeded',
    message: 'Backup has succeeded!',
    startedAt: '2024-03-26T17:18:57Z',
    endedAt: '2024-03-26T17:19:01Z',
    pointInTime: '2024-03-26T17:18:21Z',
    storedBytes: 5_327_326,
  });
  const record = await api.catalog.findBackup(backupId);
  if (!record) throw new Error('the backup is not there');
  await api.catalog.releasePlace(workflowIds.backup(backupId, record.scheduleId));
  return record;
}

interface Answer {
  status: number;
  type: string;
  body: unknown;
  messages: string;
}

/** Runs one line of a shell, with $API, $API_2024, $TOKEN and $CREDENTIALS in its environment. */
async function sh(line: string, env: Record<string, string> = {}): Promise<Answer> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line], {
    env: {
      PATH: process.env['PATH'] ?? '',
      API: `${origin}/skybackup/v1`,
      API_2024: `${origin}/2024/skybackup/v1`,
      TOKEN: tokens.administrator,
      CREDENTIALS: awsCredentials,
      CURL_HOME: '/nonexistent',
      ...env,
    },
  });
  const [, text = '', method = '', url = '', status, type = ''] =
    /^([^]*)\n(\S+) (\S+) (\d+) (.*)$/.exec(stdout) ?? [];
  const { pathname, search } = new URL(url);
  check({ method, path: pathname + search, status: Number(status), contentType: type, text });
  const body = text === '' ? undefined : (JSON.parse(text) as unknown);
  const errors = (body as { errors?: { message: string }[] } | undefined)?.errors ?? [];
  return { status: Number(status), type, body, messages: errors.map(({ message }) => message).join('\n') };
}

const curl = "curl -sS --write-out '\\n%{method} %{url_effective} %{http_code} %{content_type}'";
const json = "--header 'Content-Type: application/json'";
const bearer = '--header "Authorization: Bearer $TOKEN"';
const key = '--header "X-API-Key: $TOKEN"';

describe('POST /backups/schedules', () => {
  test.each([
    ['of 2024', `${curl} --location "$API/backups/schedules" ${bearer} ${json} --data`],
    ['of today', `${curl} -X POST "$API/backups/schedules" ${json} ${key} -d`],
    ['with a slash at the end', `${curl} -X POST "$API_2024/backups/schedules/" ${json} ${key} -d`],
  ])('answers a client %s with the documented schedule, field by field', async (_who, line) => {
    const answer = await sh(
      `${line} '{"backup_type": "full", "schedule": "once", "service_id": "dbtgf28044362"}'`,
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      id: expect.any(Number),
      service_id: 'dbtgf28044362',
      schedule: 'once',
      type: 'full',
      status: 'Scheduled',
      message: 'Backup is scheduled.',
    });
  });

  const order = async (fields: string): Promise<Answer> =>
    sh(
      `${curl} -X POST "$API/backups/schedules" ${json} ${key} -d '{"service_id": "dbtgf28044362", ${fields}}'`,
    );

  test('"physical" means full', async () => {
    expect((await order('"backup_type": "physical", "schedule": "once"')).body).toMatchObject({
      type: 'full',
    });
  });

  test.each([
    ['0 9 ** *', '0 9 * * *'],
    ['0 3 * * mon-fri', '0 3 * * 1-5'],
  ])('the cron expression %s is read and explained in its normal form', async (cron, normal) => {
    const answer = await sh(
      `${curl} -X POST "$API/backups/schedules?explain=true" ${json} ${key} -d '{"backup_type": "full", "schedule": "${cron}", "service_id": "dbtgf28044362"}'`,
    );
    expect([answer.status, answer.messages]).toEqual([200, '']);
    expect((answer.body as { schedule: string }).schedule).toBe(normal);
    expect((answer.body as { next_runs: string[] }).next_runs).toHaveLength(3);
  });

  test('a request for "snapshot" is told that there are no volume snapshots', async () => {
    const answer = await order('"backup_type": "snapshot", "schedule": "once"');
    expect(answer.status).toBe(400);
    expect(answer.messages).toContain('no volume snapshots');
  });

  test('credentials of the other cloud are told the right address, before anything else', async () => {
    const google = googleKey().credentials;
    const answer = await order(
      `"backup_type": "full", "schedule": "once", "external_storage": {"bucket": {"path": "s3://my_backup_bucket", "credentials": "${google}"}}`,
    );
    expect(answer.status).toBe(400);
    expect(answer.messages).toContain(
      'these credentials are a Google service account: write gs://my_backup_bucket',
    );
  });

  test.each([
    [
      'an echo that keeps \\n as two characters',
      String.raw`printf '%s' '[default]\naws_access_key_id = A1B2\naws_secret_access_key = s3cr3t\nregion = us-east-1'`,
    ],
    [
      'an echo that makes lines of it',
      String.raw`printf '[default]\naws_access_key_id = A1B2\naws_secret_access_key = s3cr3t\nregion = us-east-1\n'`,
    ],
    [
      'the older form in braces',
      String.raw`printf '{\n[default]\naws_access_key_id = A1B2\naws_secret_access_key = s3cr3t\n}\n'`,
    ],
  ])('credentials made by %s are taken, in the lines of base64', async (_how, make) => {
    const answer = await sh(
      `C=$(${make} | base64 | awk '{printf "%s\\\\n", $0}'); ${curl} -X POST "$API/backups/schedules" ${json} ${key} -d '{"backup_type": "full", "schedule": "once", "service_id": "dbtgf28044362", "external_storage": {"bucket": {"path": "s3://my_backup_bucket/folder", "credentials": "'"$C"'"}}}'`,
    );
    expect(answer.body).toMatchObject({ status: 'Scheduled', schedule: 'once' });
  });
});

describe('backups', () => {
  const sample = {
    id: backupId,
    service_id: 'dbtgf28216706',
    type: 'full',
    method: 'skybucket',
    server_pod: 'tx-filip-mdb-ms-0',
    backup_size: 5327326,
    reference_full_backup: '',
    point_in_time: '2024-03-26 17:18:21',
    start_time: '2024-03-26T17:18:57Z',
    end_time: '2024-03-26T17:19:01Z',
    status: 'Succeeded',
  };

  test.each([
    ['the list', `"$API/backups?page=1&page_size=10&order=desc&service_id=dbtgf28216706&status=Succeeded"`],
    ['the list of one service', '"$API/backups/dbtgf28216706"'],
    ['the list with a slash at the end', '"$API_2024/backups/dbtgf28216706/?page=1"'],
    ["the vendor's scripts", `"$API/backups/status" ${json} -d '{"service_id": "dbtgf28216706"}'`],
  ])('%s has the documented backup, field by field', async (_how, what) => {
    // A media type without a body means nothing.
    const { status, body } = await sh(`${curl} ${what} ${bearer} ${what.includes(json) ? '' : json}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ backups: [sample], backups_count: 1, pages_count: 1 });
  });

  test('one backup is answered by its id, as it is or with its colons escaped', async () => {
    expect((await sh(`${curl} "$API/backups/${backupId}" ${key}`)).body).toMatchObject(sample);
    expect((await sh(`${curl} "$API/backups/${encodeURIComponent(backupId)}" ${key}`)).body).toMatchObject(
      sample,
    );
  });

  test('snapshots as a filter give an empty list, an unknown status is refused', async () => {
    expect((await sh(`${curl} "$API/backups?type=snapshot" ${key}`)).body).toEqual({
      backups: [],
      backups_count: 0,
      pages_count: 0,
    });
    expect((await sh(`${curl} "$API/backups?status=Done" ${key}`)).status).toBe(400);
  });
});

describe('restores', () => {
  const restore = async (body: string): Promise<Answer> =>
    sh(`${curl} --location "$API/restores" ${json} ${key} --data '${body}'`);

  test.each(['id', 'key'])(
    'a body with "%s" names the backup; the agent of the target is asked',
    async (name) => {
      const answer = await restore(`{"${name}": "${backupId}", "service_id": "dbtgf28216706"}`);
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({ errors: [{ error: 'agent_unavailable' }] });
    },
  );

  test('a number names the backup of that schedule', async () => {
    const answer = await restore(`{"key": ${backup.scheduleId}, "service_id": "dbtgf28216706"}`);
    expect([answer.status, answer.messages]).toEqual([404, expect.stringContaining(backupId)]);
  });

  test('a body for schedules is shown the right path', async () => {
    const answer = await restore(
      '{"backup_type": "full", "schedule": "once", "service_id": "dbtgf28044362"}',
    );
    expect([answer.status, answer.messages]).toEqual([
      400,
      expect.stringContaining('POST /backups/schedules'),
    ]);
  });

  test('a backup in a bucket of the customer that Tidemark did not make is ordered', async () => {
    const answer = await sh(
      `${curl} "$API/restores" ${json} ${bearer} -d '{"id": "/backup.tar.gz", "service_id": "dbtgf28044362", "external_source": {"bucket": "s3://my_backup_bucket/", "method": "mariabackup", "credentials": "'"$CREDENTIALS"'"}}'`,
    );
    // Well formed; what is asked next is the agent of the service, which is not there.
    expect([answer.status, answer.body]).toMatchObject([409, { errors: [{ error: 'agent_unavailable' }] }]);
  });

  test('a running and a finished one have the documented messages, in both generations', async () => {
    const service = await api.catalog.findService('dbtgf28216706');
    if (!service) throw new Error('the service is not there');
    const { id } = await api.catalog.createRestore({
      organization: 'acme',
      service,
      backup,
      mode: 'side-by-side',
      bucket: '',
      message: 'Restore is scheduled.',
      workflowId: (restoreId) => workflowIds.restore(restoreId, 'abc'),
    });
    await api.catalog.updateRestore(id, { status: 'Running', message: 'server is not-ready' });
    const running = {
      id,
      backup_id: backupId,
      key: backupId,
      status: 'Running',
      message: 'server is not-ready',
    };
    expect((await sh(`${curl} "$API/restores/${id}" ${key}`)).body).toMatchObject(running);
    expect((await sh(`${curl} "$API_2024/restores/${id}" ${bearer}`)).body).toEqual([
      expect.objectContaining(running),
    ]);
    const refused = await sh(`${curl} -X DELETE "$API/restores/${id}" ${key}`);
    expect([refused.status, refused.messages]).toEqual([
      409,
      expect.stringContaining(`POST /restores/${id}/cancel`),
    ]);

    await api.catalog.updateRestore(id, { status: 'Succeeded', message: 'Restore has succeeded!' });
    const succeeded = expect.objectContaining({ id, status: 'Succeeded', message: 'Restore has succeeded!' });
    expect((await sh(`${curl} "$API/restores" ${key}`)).body).toEqual({
      restores: [succeeded],
      restores_count: 1,
      pages_count: 1,
    });
    expect((await sh(`${curl} "$API_2024/restores" ${bearer}`)).body).toEqual([succeeded]);
    const asked = await sh(`${curl} "$API/restores" ${bearer} -H 'Accept: application/vnd.skysql.2024+json'`);
    expect([asked.type, asked.body]).toEqual(['application/vnd.skysql.2024+json', [succeeded]]);

    const lookup = `${curl} "$API/restores/lookup" ${json} ${key} -d '{"backup_id": "${backupId}", "service_id": "dbtgf28216706"}'`;
    expect((await sh(lookup)).body).toEqual({
      services: expect.arrayContaining([{ service_id: 'dbtgf28216706', service_name: 'orders' }]),
    });
    expect((await sh(`${curl} "$API/restores/pointintime/lookup" ${key}`)).body).toEqual({ services: [] });

    const removed = await sh(`${curl} -X DELETE "$API/restores/${id}" ${key}`);
    expect([removed.status, removed.body]).toEqual([200, undefined]);
    expect((await sh(`${curl} "$API/restores/${id}" ${key}`)).status).toBe(404);
  });
});

test('a token that was quoted too well is told so', async () => {
  const answer = await sh(`${curl} "$API/backups" --header 'Authorization: Bearer $JWT_TOKEN'`);
  expect([answer.status, answer.messages]).toEqual([401, expect.stringContaining('quoted too well')]);
});
