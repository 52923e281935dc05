/** Backups of others that come back whole, in the forms in which people have them. */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { HostRestoreInput } from '../../activities/host/contract.ts';
import { foreignActivities } from '../../activities/host/foreign.ts';
import type { Host } from '../../activities/host/host.ts';
import { replaceActivities } from '../../activities/host/replace.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { swapActivities } from '../../activities/host/swap.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { ForeignMethod } from '../../domain/foreign.ts';
import type { RestoredNote } from '../../mariadb/follow/restored.ts';
import { lockServer } from '../../mariadb/server-lock.ts';
import { sealSourceFor } from '../../sealing/for-source.ts';
import { runActivity } from '../support/activity.ts';
import { shell } from '../support/foreign.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let host: Host;
let folder: string;
let before: Record<string, number | null>;
let restoreId = 0;
const agent = newAgeIdentity();
/** Of the backup. */
const own = newAgeIdentity();
const passphrase = 'of a test';
const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;

beforeAll(async () => {
  server = await startTestServer({ name: 'forms', privileges: 'ALL PRIVILEGES' });
  const opened = await openHost({
    service_id: 'forms-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
      control: { kind: 'direct' },
    },
  });
  host = { ...opened, ageIdentity: agent.identity };
  await server.loadSample({ rows: 100 });
  before = await server.checksums();
  folder = path.join(server.folder, 'storage', 'forms-1');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'passphrase'), `${passphrase}\n${passphrase}\n`);
  const account = `--user=${userInfo().username} --socket=${server.socket}`;
  const backup = `mariadb-backup --defaults-file=${server.defaultsFile} --backup ${account}`;
  await shell(
    folder,
    `${backup} --target-dir=$PWD/full 2>log; cp -r full prepared;
     mariadb-backup --prepare --target-dir=$PWD/prepared 2>log;
     tar c prepared | zstd -q | age -r ${own.recipient} -o prepared.tar.zst.age;
     ${backup} --stream=xbstream --target-dir=$PWD/none 2>log | zstd -q > full.xb.zst;
     script -qec 'age -p -o full.xb.zst.age full.xb.zst' log < passphrase > log 2>&1;
     mariadb-dump ${account} --single-transaction --routines --databases shop |
       sed 's/^-- Server version.*/-- Server version\\t11.4.2-MariaDB/' | zstd -q > shop.sql.zst`,
  );
});
afterAll(() => server?.remove());

beforeEach(async () => {
  await server.query('CREATE DATABASE IF NOT EXISTS later');
  await server.query('DROP DATABASE IF EXISTS shop');
});

/** Looks at one, as the plan of a restore does. */
async function examined(
  object: string,
  fields: {
    method?: ForeignMethod;
    mode?: HostRestoreInput['mode'];
    encryptionKey?: string;
    asked?: true;
  } = {},
): Promise<HostRestoreInput> {
  restoreId += 1;
  const { method = 'mariabackup', mode = 'side-by-side', encryptionKey, asked } = fields;
  const workflowId = `restore/${restoreId}`;
  const source = sealSourceFor(
    {
      location: host.store.location,
      object: `forms-1/${object}`,
      method,
      endpoints: [],
      ...(encryptionKey !== undefined && { encryptionKey }),
    },
    { agentId: host.agentId, workflowId },
    agent.recipient,
  );
  const order = {
    restoreId,
    workflowId,
    mode,
    backupId: `/${object}`,
    manifestSha256: '',
    foreign: { source, ...(asked && { asked }) },
  };
  const facts = await run(() => foreignActivities(host).examineForeign(order));
  return { ...order, foreign: { source, facts } };
}

/** What every restore of files does once its data may be there. */
async function materialize(order: HostRestoreInput): Promise<void> {
  const restores = restoreActivities(host);
  await run(() => restores.fetchBackup(order));
  await run(() => restores.prepareBackup(order));
  const { reached } = await run(() => restores.checkCopy(order));
  expect(reached).toMatchObject({ gtid: expect.stringMatching(/^0-\d+-\d+$/) });
}

interface BinlogEnd {
  File: string;
  Position: number;
}

async function binlogEnd(): Promise<BinlogEnd> {
  const [status] = await server.query<BinlogEnd>('SHOW MASTER STATUS');
  return status!;
}

/** What the server wrote as it stopped is in it, too. */
async function expectEndNoted(
  { workflowId }: HostRestoreInput,
  { File, Position }: BinlogEnd,
): Promise<void> {
  const file = path.join(host.settings.state_directory, 'restored.json');
  const note = JSON.parse(await readFile(file, 'utf8')) as RestoredNote;
  expect(note).toMatchObject({ workflowId, replaced: { file: File } });
  expect(note.replaced?.position).toBeGreaterThan(Position);
}

test.each([
  ['full', 'a folder', {}],
  [
    'prepared.tar.zst.age',
    'a tar archive, compressed by zstd, encrypted by age',
    { encryptionKey: own.identity },
  ],
] as const)(
  '%s comes back, and takes the place of what is there',
  async (name, form, fields) => {
    const order = await examined(name, fields);
    expect(order.foreign?.facts).toMatchObject({ form });
    await materialize(order);
    const end = await binlogEnd();
    await run(() => swapActivities(host).cutOver(order));
    await expectEndNoted(order, end);
    expect(await server.checksums()).toEqual(before);
    expect(await server.query("SHOW DATABASES LIKE 'later'")).toEqual([]);
  },
  60_000,
);

test('the plan of one goes on beside a backup and a drill, and leaves nothing', async () => {
  const { state_directory: stateDirectory, server: settings } = host.settings;
  const drill = { beside: true, supersede: jest.fn(), ended: Promise.resolve() };
  host.attempts.set('proof-1', drill);
  try {
    const backup = { operation: 'backup-1', waitMs: 0 };
    await using _lock = await lockServer({ server: settings, stateDirectory, log: host.log, ...backup });
    const { foreign } = await examined('prepared.tar.zst.age', { encryptionKey: own.identity, asked: true });
    expect(foreign?.facts).toMatchObject({ databases: expect.arrayContaining(['shop']) });
  } finally {
    host.attempts.delete('proof-1');
  }
  expect(drill.supersede).not.toHaveBeenCalled();
  const folders = await readdir(path.join(stateDirectory, 'operations'));
  expect(folders.filter((name) => name.startsWith(`restore-${restoreId}`))).toEqual([]);
}, 30_000);

test('one under a passphrase of age comes back in place', async () => {
  const order = await examined('full.xb.zst.age', { mode: 'in-place', encryptionKey: passphrase });
  expect(order.foreign?.facts).toMatchObject({
    form: 'an xbstream, compressed by zstd, encrypted by age',
    databases: expect.arrayContaining(['shop']),
  });
  const swap = swapActivities(host);
  await run(() => restoreActivities(host).verifyObjects(order));
  const end = await binlogEnd();
  await run(() => swap.stopServer(order));
  await run(() => swap.emptyData(order));
  // Once more, as after an answer that was lost: there is no binlog any more.
  await run(() => swap.emptyData(order));
  await expectEndNoted(order, end);
  await materialize(order);
  await run(() => swap.startServer(order));
  expect(await server.checksums()).toEqual(before);
});

test('a dump of one database, of another major version, goes into the running server', async () => {
  const order = await examined('shop.sql.zst', { method: 'mysqldump' });
  expect(order.foreign?.facts?.dump).toMatchObject({ databases: ['shop'], serverVersion: '11.4.2-MariaDB' });
  await run(() => restoreActivities(host).fetchBackup(order));
  await run(() => replaceActivities(host).replaceDatabases(order));
  expect(await server.checksums()).toEqual(before);
  expect(await server.query("SHOW DATABASES LIKE 'later'")).toHaveLength(1);
});
