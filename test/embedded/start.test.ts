/**
 * `npm start -- --json`, as scripts use it: one data directory through several starts. The tests are steps of one
 * story, since each start takes seconds.
 */
import type { Backup } from '../../client/answers.ts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../client/client.ts';
import { untilEnded } from '../../client/follow.ts';
import { checksums } from '../../embedded/demo/snapshot.ts';
import { isAlive, readRecord } from '../../embedded/process-record.ts';
import { loadSampleData } from '../../embedded/sample-data/load.ts';
import { connect, type Connection } from '../../mariadb/server/sql.ts';
import {
  announced,
  processesOf,
  startStackProgram,
  until,
  type Announcement,
  type Started,
} from './start-process.ts';

const tables = [
  'shop.customers',
  'shop.orders',
  'shop.order_lines',
  'shop.journal',
  'shop.pictures',
  'archive.letters',
];

let data: string;
let started: Started;
let stack: Announcement;
let client: Client;
let backupId: string;
let before: Map<string, string>;

async function start(args: string[] = []): Promise<void> {
  started = startStackProgram(data, args);
  stack = await announced(started);
  client = new Client(stack.api, stack.token);
}

async function stop(signal: NodeJS.Signals): Promise<number | null> {
  started.child.kill(signal);
  return started.ended;
}

async function withServer<T>(serviceId: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const service = stack.services.find((entry) => entry.service_id === serviceId);
  const connection = await connect({ defaults_file: service?.defaults_file ?? '' });
  try {
    return await work(connection);
  } finally {
    await connection.end().catch(() => undefined);
  }
}

async function restoreTo(serviceId: string): Promise<void> {
  const { id } = await client.orderRestore(backupId, serviceId);
  expect(await untilEnded(() => client.restore(id))).toMatchObject({ status: 'Succeeded' });
}

beforeAll(async () => {
  data = join(await mkdtemp(join(tmpdir(), 'start-')), 'data');
});

afterAll(async () => {
  if (started.child.exitCode === null) await stop('SIGTERM');
  await rm(join(data, '..'), { recursive: true, force: true });
});

/** Without those that Tidemark began by itself, as it does after a restore. */
async function orderedBackups(): Promise<Backup[]> {
  const { backups } = await client.backups({ service_id: 'sample-1' });
  return backups.filter(({ message = '' }) => !message.includes('Tidemark began it by itself'));
}

test('one line of JSON says where everything is', async () => {
  await start();
  expect(started.stdout().split('\n')).toHaveLength(2);
  const root = join(data, 'mariadb', 'sample-1');
  const address = /^127\.0\.0\.1:\d+$/;
  expect(stack).toEqual({
    ready: true,
    api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    token: expect.stringMatching(/^[\w-]{32}$/),
    temporal_ui: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    temporal_address: expect.stringMatching(address),
    services: [
      {
        service_id: 'sample-1',
        socket: expect.stringMatching(/\.sock$/),
        defaults_file: join(root, 'my.cnf'),
        data_directory: join(root, 'data'),
      },
    ],
  });
  expect((await fetch(stack.temporal_ui)).status).toBe(200);
});

test('the token is an administrator’s in both headers, and is kept where others cannot read it', async () => {
  const url = `${stack.api}/skybackup/v1/services`;
  for (const headers of [{ authorization: `Bearer ${stack.token}` }, { 'x-api-key': stack.token }])
    expect((await fetch(url, { headers })).status).toBe(200);
  expect((await fetch(url)).status).toBe(401);
  const file = join(data, 'tokens');
  expect(await readFile(file, 'utf8')).toContain(`${stack.token} default administrator`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(data, 'sealing-key'))).mode & 0o777).toBe(0o600);
});

test('a backup of the sample server succeeds', async () => {
  before = await withServer('sample-1', async (connection) => {
    await loadSampleData(connection, 2 * 1024 ** 2);
    return checksums(connection, tables);
  });
  const order = await client.orderBackup('sample-1');
  backupId = order.backup_id ?? '';
  expect(await untilEnded(() => client.backup(backupId))).toMatchObject({ status: 'Succeeded' });
});

test('nobody else can read what the catalog and Temporal keep', async () => {
  for (const file of ['catalog.db', 'catalog.db-wal', 'temporal.db'])
    expect([file, (await stat(join(data, file))).mode & 0o077]).toEqual([file, 0]);
});

test('a second start on the same data is refused, naming the process that has it', async () => {
  const second = startStackProgram(data);
  expect(await second.ended).toBe(2);
  expect(second.stderr()).toContain(`Process ${started.child.pid} already runs a stack in ${data}.`);
  expect(second.stdout()).toBe('');
});

test('Ctrl-C stops everything within 10 s', async () => {
  const asked = Date.now();
  expect(await stop('SIGINT')).toBe(0);
  expect(Date.now() - asked).toBeLessThan(10_000);
  expect(processesOf(data)).toEqual([]);
});

test('after another start the token is the same, the backup is listed and the service has its name', async () => {
  const { token } = stack;
  await start(['--samples', '2']);
  expect(stack.token).toBe(token);
  expect(stack.services.map((service) => service.service_id)).toEqual(['sample-1', 'sample-2']);
  const { backups } = await client.backups({ service_id: 'sample-1' });
  expect(backups).toEqual([expect.objectContaining({ id: backupId, status: 'Succeeded' })]);
});

test('the backup of before restores what was lost since', async () => {
  await withServer('sample-1', async (connection) => {
    expect(await checksums(connection, tables)).toEqual(before);
    await connection.query('DROP DATABASE archive');
    await connection.query('SET FOREIGN_KEY_CHECKS = 0');
    await connection.query('DELETE FROM shop.orders');
  });
  await restoreTo('sample-1');
  expect(await withServer('sample-1', (connection) => checksums(connection, tables))).toEqual(before);
});

test('the backup of one service restores into another', async () => {
  await restoreTo('sample-2');
  expect(await withServer('sample-2', (connection) => checksums(connection, tables))).toEqual(before);
});

test('a process that is killed is started again, and it is said', async () => {
  const record = await readRecord(join(data, 'run', 'api.json'));
  process.kill(record?.pid ?? 0, 'SIGKILL');
  await until(() => started.stderr().includes('api was ended by SIGKILL; it is started again'));
  await until(() =>
    fetch(`${stack.api}/readyz`).then(
      (response) => response.ok,
      () => false,
    ),
  );
  expect(await orderedBackups()).toHaveLength(1);
  expect(started.stdout().split('\n')).toHaveLength(2);
});

test('what is left when the supervisor is killed is ended or taken over by the next start', async () => {
  const names = ['temporal', 'api', 'worker', 'agent-sample-1'];
  const records = (): Promise<Awaited<ReturnType<typeof readRecord>>[]> =>
    Promise.all(names.map((name) => readRecord(join(data, 'run', `${name}.json`))));
  const left = await records();
  await stop('SIGKILL');
  expect(left.map((record) => record && isAlive(record))).toEqual([true, true, true, true]);
  await start();
  expect(left.map((record) => record && isAlive(record))).toEqual([false, false, false, false]);
  expect(await orderedBackups()).toHaveLength(1);
  expect(await withServer('sample-1', (connection) => checksums(connection, tables))).toEqual(before);
});

test('SIGTERM stops everything too, the servers that were taken over included', async () => {
  expect(await stop('SIGTERM')).toBe(0);
  expect(processesOf(data)).toEqual([]);
});
