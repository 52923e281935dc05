/** Backups in a customer's bucket of Google Cloud Storage; the key that comes with it leads nowhere and is seen by nobody. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { objectKeys } from '../../domain/ids.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';
import { type GoogleKey, googleKey } from '../support/google-key.ts';
import { seenIn, watchProcesses } from '../support/secrets.ts';
import { type Answer, TestStack, type TestService, until } from '../support/stack.ts';

let gcs: TestGcs;
/** Where every address in the key leads; it must never be asked. */
let canary: Server;
const heard: string[] = [];
/** Stands in everything of the key that is text, and in no other process of the machine. */
const mark = `canary-${randomBytes(6).toString('hex')}`;
let key: GoogleKey;
let secrets: string[];
let stack: TestStack;
let service: TestService;
let bucket: string;
let before: Record<string, number | null>;
let backupId: string;

beforeAll(async () => {
  gcs = await startGcs();
  bucket = await gcs.bucket();
  canary = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    response.end('{"access_token": "from-the-canary"}');
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
  key = googleKey({
    private_key_id: `${mark}-key-id`,
    client_email: `${mark}-writer@my-project.iam.gserviceaccount.com`,
    token_uri: `${address}/token`,
    auth_uri: `${address}/auth`,
    auth_provider_x509_cert_url: `${address}/certs`,
    client_x509_cert_url: `${address}/cert`,
    universe_domain: new URL(address).host,
    quota_project_id: `${mark}-quota`,
  });
  const lines = key.privateKey.split('\n').filter((line) => line.length >= 32 && !line.startsWith('-'));
  expect(lines.length).toBeGreaterThan(20);
  secrets = [mark, ...lines, key.credentials.slice(0, 60), key.credentials.slice(-60)];
  const settings = { STORAGE_EMULATOR_HOST: gcs.endpoint };
  stack = await TestStack.start('external-gcs', { controlSettings: settings });
  service = await stack.addService('shop', { env: settings });
  await service.server.loadSample({ rows: 2_000 });
  before = await service.server.checksums();
});

afterAll(async () => {
  await stack?.stop();
  await gcs?.stop();
  canary?.close();
});

async function order(credentials: unknown): Promise<Answer> {
  return await stack.request('POST', '/backups/schedules', {
    service_id: 'shop',
    backup_type: 'full',
    schedule: 'once',
    external_storage: { bucket: { path: `gs://${bucket}/tidemark/`, credentials } },
  });
}

/** The names of all objects of the bucket. */
async function objects(): Promise<string[]> {
  const answer = await fetch(`${gcs.endpoint}/storage/v1/b/${bucket}/o?maxResults=1000`);
  expect(answer.status).toBe(200);
  const { items = [] } = (await answer.json()) as { items?: { name: string }[] };
  return items.map(({ name }) => name);
}

test('a backup is taken there, listed as external, and brings every table back by its id', async () => {
  const watch = watchProcesses(...secrets);
  const { status, body } = await order(key.credentials);
  expect(status).toBe(200);
  backupId = String(body['backup_id']);
  const backup = await stack.backupEnd(backupId);
  expect([backup.status, backup.message]).toEqual(['Succeeded', expect.any(String)]);
  const listed = await stack.request<{ backups: unknown[] }>('GET', '/backups/shop');
  expect(listed.body.backups).toEqual([
    expect.objectContaining({ id: backupId, method: 'external', is_external_storage: true }),
  ]);
  await service.server.query('DROP DATABASE shop');
  const restore = await stack.restore(backupId, 'shop');
  expect(restore).toMatchObject({ bucket: `gs://${bucket}/tidemark` });
  expect(await service.server.checksums()).toEqual(before);
  const { found, seen } = await watch.end();
  expect(found).toEqual([]);
  expect([...seen].some((line) => line.includes('mariadb-backup'))).toBe(true);
});

test('it lies in the bucket whole, the trial left nothing, and it is read back there', async () => {
  const folder = `tidemark/${objectKeys.backupFolder(backupId)}`;
  const names = await objects();
  expect(names).toEqual(expect.arrayContaining([`${folder}/manifest.json`, `${folder}/part-000001`]));
  expect(names.filter((name) => !name.startsWith(`${folder}/`))).toEqual([
    expect.stringMatching(/^tidemark\/\.tidemark-/),
  ]);
  const at = `/backups/${encodeURIComponent(backupId)}/verify`;
  expect((await stack.request('POST', at)).status).toBe(200);
  const { body } = await until(
    () => stack.request('GET', at),
    (answer) => !/^(Scheduled|Running)$/.test(String(answer.body['status'])),
    'the end of the verification',
  );
  expect(body).toMatchObject({ status: 'Succeeded', damaged_count: 0 });
});

test('a key whose line ends a shell has made real, as an array of bytes, is as good', async () => {
  const { status, body } = await order([...Buffer.from(key.text.replaceAll('\\n', '\n'))]);
  expect(status).toBe(200);
  const backup = await stack.backupEnd(String(body['backup_id']));
  expect([backup.status, backup.message]).toEqual(['Succeeded', expect.any(String)]);
});

test('a bucket that is not there is the message of the run', async () => {
  const { status, body } = await stack.request('POST', '/backups/schedules', {
    service_id: 'shop',
    backup_type: 'full',
    schedule: 'once',
    external_storage: { bucket: { path: 'gs://not-there', credentials: key.credentials } },
  });
  expect(status).toBe(200);
  const backup = await stack.backupEnd(String(body['backup_id']));
  expect([backup.status, backup.message]).toEqual(['Failed', expect.stringContaining('no such bucket')]);
  const schedule = await stack.request('GET', `/backups/schedules/${String(body['id'])}`);
  expect(schedule.body).toMatchObject({ status: 'Failed', message: backup.message });
});

test('no address of the key was asked, and nothing of it, nor of an encryption key, is seen anywhere', async () => {
  const source = { bucket: `gs://${bucket}`, method: 'mariabackup', credentials: key.credentials };
  const ended: unknown[] = [];
  for (const body of [
    { external_source: { ...source, encryption_key: `${mark}-encryption-1` } },
    { external_source: source, encryption_key: `${mark}-encryption-2` },
    { external_source: { ...source, encryption_key: [`${mark}-encryption-3`] } },
    { external_source: { ...source, credentials: `${mark}-encryption-4!` } },
  ]) {
    const answer = await stack.request('POST', '/restores', { id: '/a.tar.gz', service_id: 'shop', ...body });
    expect(JSON.stringify(answer.body)).not.toContain(mark);
    ended.push(answer.status === 200 ? await stack.restoreEnd(Number(answer.body['id'])) : answer.status);
  }
  const missing = { status: 'Failed', message: expect.stringContaining('neither an object "a.tar.gz"') };
  expect(ended).toEqual([expect.objectContaining(missing), expect.objectContaining(missing), 400, 400]);
  const id = encodeURIComponent(backupId);
  expect(await seenIn(stack, secrets, [`/backups/${id}`, `/backups/${id}/verify`])).toEqual([]);
  expect(heard).toEqual([]);
  // What is no secret is found in every kind of place, so that finding nothing means something.
  const known = (await seenIn(stack, [backupId.slice(0, 32)])).join('\n');
  for (const where of ['catalog.db', 'history of', 'words of control', 'GET /backups:']) {
    expect(known).toContain(where);
  }
});
