/** Backups that were made by hand, restored from S3 and from Google Cloud Storage; and bad ones, which touch nothing. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openCatalog } from '../../catalog/open.ts';
import { openStore } from '../../storage/open.ts';
import { shell } from '../support/foreign.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';
import { type GoogleKey, googleKey } from '../support/google-key.ts';
import { recordHistory } from '../support/histories.ts';
import { runFolder } from '../support/run.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { seenIn, watchProcesses } from '../support/secrets.ts';
import { type RestoreBody, TestStack, type TestService, until } from '../support/stack.ts';

const run = promisify(execFile);

let s3: TestS3;
let gcs: TestGcs;
let google: GoogleKey;
let stack: TestStack;
let service: TestService;
let folder: string;
let buckets: { s3: string; gs: string };
let before: Record<string, number | null>;
/** Of what is encrypted: it must be seen nowhere. */
const passphrase = `canary-${randomBytes(12).toString('hex')}`;

beforeAll(async () => {
  [s3, gcs] = await Promise.all([startS3(), startGcs()]);
  google = googleKey();
  buckets = { s3: await s3.bucket(), gs: await gcs.bucket() };
  const settings = {
    TIDEMARK_EXTERNAL_ENDPOINTS: new URL(s3.server.endpoint).host,
    STORAGE_EMULATOR_HOST: gcs.endpoint,
  };
  stack = await TestStack.start('foreign', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('shop', {
    env: { STORAGE_EMULATOR_HOST: gcs.endpoint },
    serverOptions: { privileges: 'ALL PRIVILEGES' },
  });
  await service.server.loadSample({ rows: 500 });
  await service.server.query('CREATE DATABASE other');
  await service.server.query('CREATE TABLE other.t (a INT) SELECT 1 AS a');
  before = await service.server.checksums();
  folder = await mkdtemp(path.join(runFolder(), 'by-hand-'));
  await writeFile(path.join(folder, 'pass'), passphrase);
  const { socket, defaultsFile } = service.server;
  const account = `--user=${userInfo().username} --socket=${socket}`;
  const backup = `mariadb-backup --defaults-file=${defaultsFile} --backup ${account}`;
  await shell(
    folder,
    `${backup} --target-dir=$PWD/full 2>log; tar czf full.tar.gz full;
     ${backup} --stream=xbstream --target-dir=$PWD/none 2>log | zstd -q | openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -out full.xb.zst.enc;
     mariadb-dump ${account} --single-transaction --routines --databases shop | gzip > shop.sql.gz;
     mariadb-dump ${account} --single-transaction --routines --events --all-databases --master-data --gtid > all.sql;
     head -c $(( $(stat -c %s full.tar.gz) - 1000 )) full.tar.gz > cut.tar.gz;
     mkdir -p evil; ln -s ${service.server.dataDirectory}/ibdata1 evil/ibdata1; tar cf evil.tar evil`,
  );
  await Promise.all(
    ['full.tar.gz', 'shop.sql.gz', 'cut.tar.gz', 'evil.tar'].map((name) => toS3(`backups/${name}`, name)),
  );
  const { stdout: found } = await run('find', ['full', '-type', 'f'], { cwd: folder });
  const ofFolder = found.trim().split('\n');
  for (const name of ['full.xb.zst.enc', 'all.sql', ...ofFolder]) await toGoogle(name);
});

afterAll(async () => {
  await stack?.stop();
  await s3?.remove();
  await gcs?.stop();
});

async function toS3(key: string, name: string): Promise<void> {
  const store = await openStore(`s3://${buckets.s3}`, { options: s3.options(), credentials: s3.credentials });
  await store.put(key, await readFile(path.join(folder, name)));
}

async function toGoogle(name: string): Promise<void> {
  const at = `${gcs.endpoint}/upload/storage/v1/b/${buckets.gs}/o?uploadType=media&name=${encodeURIComponent(name)}`;
  const answer = await fetch(at, { method: 'POST', body: await readFile(path.join(folder, name)) });
  expect(answer.status).toBe(200);
}

function awsFile(): string {
  const { accessKeyId, secretAccessKey } = s3.credentials;
  const lines = [
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
    `endpoint_url = ${s3.server.endpoint}`,
  ];
  return Buffer.from(lines.join('\n')).toString('base64');
}

async function restore(
  cloud: 's3' | 'gs',
  id: string,
  method: 'mariabackup' | 'mysqldump',
  fields: Record<string, unknown> = {},
): Promise<RestoreBody> {
  const credentials = cloud === 's3' ? awsFile() : google.credentials;
  const external_source = { bucket: `${cloud}://${buckets[cloud]}/`, method, credentials };
  return await stack.restoreEnd(await stack.orderRestore(id, 'shop', { external_source, ...fields }));
}

async function ruin(): Promise<void> {
  await service.server.query('DROP DATABASE shop');
  await service.server.query('INSERT INTO other.t VALUES (2)');
}

test('one made by mariadb-backup and tar comes back from S3', async () => {
  await ruin();
  const restored = await restore('s3', '/backups/full.tar.gz', 'mariabackup');
  expect(restored).toMatchObject({
    status: 'Succeeded',
    message: 'Restore has succeeded!',
    type: 'physical',
    backup_id: '/backups/full.tar.gz',
    key: '/backups/full.tar.gz',
    bucket: `s3://${buckets.s3}`,
    reached: { gtid: expect.stringMatching(/^0-\d+-\d+$/), binlog_file: expect.any(String) },
  });
  expect(restored).not.toHaveProperty('point_in_time');
  expect(await service.server.checksums()).toEqual(before);
  await recordHistory(stack.client, 'restore-foreign', restored.workflow_id);
});

test('one encrypted by openssl comes back from Google; its key is seen by nobody', async () => {
  await ruin();
  const { accessKeyId, secretAccessKey } = s3.credentials;
  const watch = watchProcesses(passphrase, secretAccessKey);
  const wrong = await restore('gs', '/full.xb.zst.enc', 'mariabackup', { encryption_key: 'another' });
  expect([wrong.status, wrong.message]).toEqual([
    'Failed',
    expect.stringContaining('"encryption_key" opens it to nothing'),
  ]);
  const restored = await restore('gs', '/full.xb.zst.enc', 'mariabackup', { encryption_key: passphrase });
  expect([restored.status, restored.message]).toEqual(['Succeeded', 'Restore has succeeded!']);
  expect(await service.server.checksums()).toEqual(before);
  const { found } = await watch.end();
  expect(found.filter((where) => !where.includes('versitygw'))).toEqual([]);
  expect(await seenIn(stack, [passphrase, secretAccessKey, google.credentials.slice(0, 60)])).toEqual([]);
  // What is no secret is found, so that finding nothing means something.
  expect(await seenIn(stack, ['full.xb.zst.enc'])).not.toEqual([]);
  expect(accessKeyId).not.toBe('');
});

test('a dump of one database replaces that one, and no other', async () => {
  await ruin();
  const restored = await restore('s3', '/backups/shop.sql.gz', 'mysqldump');
  expect(restored).toMatchObject({ status: 'Succeeded', type: 'logical' });
  expect(await service.server.query('SELECT COUNT(*) AS n FROM other.t')).toEqual([{ n: 2 }]);
  const { 'other.t': ones, ...rest } = before;
  const after = await service.server.checksums();
  expect(after).toMatchObject(rest);
  expect(after['other.t']).not.toBe(ones);
  await recordHistory(stack.client, 'restore-foreign-dump', restored.workflow_id);
});

test('a dump of the whole server replaces it, accounts and position included, though it orders a replication', async () => {
  await ruin();
  await service.server.query("CREATE USER 'late'@'localhost'");
  const restored = await restore('gs', 'all.sql', 'mysqldump');
  expect([restored.status, restored.message]).toEqual([
    'Succeeded',
    expect.stringMatching(/^Restore has succeeded!/),
  ]);
  expect(restored.reached).toMatchObject({ gtid: expect.stringMatching(/^0-\d+-\d+$/) });
  expect(await service.server.checksums()).toEqual(before);
  expect(await service.server.query("SELECT 1 FROM mysql.global_priv WHERE User = 'late'")).toEqual([]);
  expect(await service.server.query('SHOW ALL SLAVES STATUS')).toEqual([]);
});

test('a folder comes back in place, from Google', async () => {
  await ruin();
  const restored = await restore('gs', '/full/', 'mariabackup', { mode: 'in-place' });
  expect([restored.status, restored.message]).toEqual(['Succeeded', 'Restore has succeeded!']);
  expect(await service.server.checksums()).toEqual(before);
});

test('the plan of one says what it is and what would be lost, and touches nothing', async () => {
  const plan = async (cloud: 's3' | 'gs', id: string, fields: object): Promise<Record<string, unknown>> => {
    const credentials = cloud === 's3' ? awsFile() : google.credentials;
    const external_source = { bucket: buckets[cloud], credentials, ...fields };
    const body = { id, service_id: 'shop', external_source };
    const answer = await stack.request('POST', '/restores?dry_run=true', body);
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
    return answer.body;
  };
  const data = await service.server.checksums();
  const physical = { method: 'mariabackup' };
  const databases = ['other', 'shop'];
  expect(await plan('s3', '/backups/full.tar.gz', physical)).toMatchObject({
    service_id: 'shop',
    backup_id: '/backups/full.tar.gz',
    external: { form: 'a tar archive, compressed by gzip', databases: expect.arrayContaining(databases) },
    versions: { backup: expect.stringMatching(/^10\.11\./), server: expect.stringMatching(/^10\.11\./) },
    bytes_to_fetch: expect.any(Number),
    bytes_needed: expect.any(Number),
    estimated_seconds: expect.any(Number),
    warnings: [expect.stringContaining('All that the server has now is replaced')],
  });
  expect(await plan('gs', '/full.xb.zst.enc', { ...physical, encryption_key: passphrase })).toMatchObject({
    external: { form: 'an xbstream, compressed by zstd, encrypted by openssl' },
  });
  expect(await plan('s3', '/backups/shop.sql.gz', { method: 'mysqldump' })).toMatchObject({
    external: { databases: ['shop'] },
    warnings: [expect.stringContaining('in shop is dropped')],
  });
  expect(await seenIn(stack, [passphrase, s3.credentials.secretAccessKey])).toEqual([]);
  expect(await service.server.checksums()).toEqual(data);
});

test('part of one comes back beside what is there', async () => {
  await ruin();
  await service.server.query('CREATE DATABASE shop');
  const fields = { include: ['shop.customers'], as: 'shop_of_old' };
  const restored = await restore('s3', '/backups/full.tar.gz', 'mariabackup', fields);
  expect([restored.status, restored.message]).toEqual([
    'Succeeded',
    expect.stringContaining('came back as shop_of_old'),
  ]);
  const after = await service.server.checksums();
  expect(after['shop_of_old.customers']).toBe(before['shop.customers']);
  expect(after).not.toHaveProperty(['shop.customers']);
  expect(await service.server.query('SELECT COUNT(*) AS n FROM other.t')).toEqual([{ n: 2 }]);
  await service.server.query('DROP DATABASE shop_of_old');
});

test.each([
  ['/backups/cut.tar.gz', 'mariabackup', 'cut short or damaged'],
  ['/backups/evil.tar', 'mariabackup', 'it is a link'],
  ['/backups/shop.sql.gz', 'mariabackup', 'restore it with "method": "mysqldump"'],
  ['/backups/full.tar.gz', 'mysqldump', 'restore it with "method": "mariabackup"'],
  ['/backups/none', 'mariabackup', 'neither an object "backups/none"'],
  ['/backups', 'mariabackup', 'no xtrabackup_checkpoints among its files'],
] as const)('%s by %s is refused, and the server serves on', async (id, method, said) => {
  const uptime = async (): Promise<number> => {
    const [row] = await service.server.query<{ Value: string }>("SHOW STATUS LIKE 'Uptime'");
    return Number(row?.Value);
  };
  const [at, data] = [await uptime(), await service.server.checksums()];
  const ended = await restore('s3', id, method);
  expect([ended.status, ended.message]).toEqual(['Failed', expect.stringContaining(said)]);
  expect(await service.server.checksums()).toEqual(data);
  expect(await uptime()).toBeGreaterThanOrEqual(at);
});

test('the credentials are forgotten once the restores have ended', async () => {
  const catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
  try {
    const sealed = async (): Promise<unknown[]> => await catalog.listSealed('', 10);
    await until(sealed, (left) => left.length === 0, 'the end of the credentials', 30_000);
  } finally {
    await catalog.close();
  }
});
