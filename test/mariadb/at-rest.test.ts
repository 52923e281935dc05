/** Servers that keep their files encrypted: what a backup notes of it, and that the keys of the target open it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { backupSettings } from '../../config/agent.ts';
import type { AtRest } from '../../domain/at-rest.ts';
import { startPhysicalBackup } from '../../mariadb/backup/physical.ts';
import { inspectKeys } from '../../mariadb/server/keys.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { withPrivateServer } from '../../mariadb/restore/private-server.ts';
import { rowsOf } from '../../mariadb/server/sql.ts';
import { materialize, serverOwner, takeTestBackup, type TestBackup, testAttempt } from '../support/copies.ts';
import { drain } from '../support/drain.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';

let server: TestServer;
let target: TestServer;
let plain: TestServer;
/** Which has encrypted tables, and does not tell of them. */
let silent: TestServer;
let backup: TestBackup;
const keyFile = (of: TestServer): string => path.join(of.folder, 'keys.txt');
const keys =
  '# of a test\n1;770A8A65DA156D24EE2A093277530142\n2;4C6D9A3E1B5F7081A2B3C4D5E6F70819A0B1C2D3E4F5061728394A5B6C7D8E9F\n';
const settings = ['innodb_encrypt_tables', 'innodb_encrypt_log', 'aria_encrypt_tables', 'encrypt_binlog'];

/** @param name of its own folder, in which its keys lie */
async function startEncrypted(name: string, options: string[] = []): Promise<TestServer> {
  const folder = await mkdtemp(path.join(runFolder(), `keys-${name}`));
  await writeFile(path.join(folder, 'keys.txt'), keys, { mode: 0o644 });
  const config = [
    'plugin_load_add=file_key_management',
    `loose-file-key-management-filename=${path.join(folder, 'keys.txt')}`,
    ...options,
  ];
  return await startTestServer({ folder, config });
}

beforeAll(async () => {
  [server, target, plain, silent] = await Promise.all([
    startEncrypted(
      'source',
      settings.map((name) => `${name}=ON`),
    ),
    startEncrypted('target'),
    startTestServer({ name: 'plain' }),
    startEncrypted('silent', ['innodb_encrypt_log=ON', 'innodb_tablespaces_encryption=OFF']),
  ]);
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(90)) ENCRYPTION_KEY_ID=2');
  await server.query("INSERT INTO shop.orders VALUES (1, 'a secret note')");
  await server.query("CREATE TABLE shop.old (a VARCHAR(90)) ENGINE=Aria SELECT 'another secret' AS a");
  backup = await takeTestBackup(server);
});
afterAll(() => Promise.all([server?.remove(), target?.remove(), plain?.remove(), silent?.remove()]));

async function noted(of: TestServer): Promise<AtRest | undefined> {
  const running = await startPhysicalBackup({
    server: of.settings,
    layout: inspectLayout(of.settings),
    backup: backupSettings.parse({}),
    attempt: await testAttempt(),
  });
  try {
    await drain(running.output);
    return (await running.whole()).atRest;
  } finally {
    await running.end();
  }
}

test('a backup notes what its server keeps encrypted, and by which keys', async () => {
  expect(await noted(server)).toEqual({
    plugin: 'file_key_management',
    settings: settings.toSorted(),
    keyIds: [1, 2],
  });
  // With keys, and nothing that is encrypted.
  expect(await noted(target)).toBeUndefined();
  expect(await noted(plain)).toBeUndefined();
});

test('of a server that does not tell of its encrypted tables a backup notes the rest', async () => {
  await expect(
    silent.query('SELECT 1 FROM information_schema.INNODB_TABLESPACES_ENCRYPTION'),
  ).rejects.toThrow();
  expect(await noted(silent)).toEqual({
    plugin: 'file_key_management',
    settings: ['innodb_encrypt_log'],
    keyIds: [1],
  });
});

test('a host says which keys its server has, and no more', async () => {
  expect(await inspectKeys(target.settings)).toEqual({ plugin: 'file_key_management', keyIds: [1, 2] });
  expect(await inspectKeys(plain.settings)).toEqual({ plugin: '' });
});

test('a file of keys that is not there is named', async () => {
  await rename(keyFile(target), `${keyFile(target)}.away`);
  try {
    expect(await inspectKeys(target.settings)).toEqual({
      plugin: 'file_key_management',
      fault: expect.stringContaining(`The file ${keyFile(target)}`),
    });
  } finally {
    await rename(`${keyFile(target)}.away`, keyFile(target));
  }
});

test('it comes back on a host that has the same keys at another place', async () => {
  // Where the backup says that they are, there are none any more.
  await rename(keyFile(server), `${keyFile(server)}.away`);
  try {
    const { layout, staging } = await materialize(target, backup);
    const attempt = await testAttempt();
    const owner = await serverOwner();
    const copy = { server: target.settings, layout, directory: staging.data, owner, attempt };
    const rows = await withPrivateServer(copy, async ({ connection }) => [
      await rowsOf(connection, 'SELECT id, note FROM shop.orders'),
      await rowsOf(connection, 'SELECT a FROM shop.old'),
    ]);
    expect(rows).toEqual([[{ id: 1, note: 'a secret note' }], [{ a: 'another secret' }]]);
  } finally {
    await rename(`${keyFile(server)}.away`, keyFile(server));
  }
});

test('on a host without the keys it fails beside the running server, which goes on', async () => {
  await rename(keyFile(server), `${keyFile(server)}.away`);
  try {
    await expect(materialize(plain, backup)).rejects.toMatchObject({ code: 'prepare_failed' });
  } finally {
    await rename(`${keyFile(server)}.away`, keyFile(server));
  }
  expect(await plain.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('where keys are at hand and nothing is encrypted, it comes back without them', async () => {
  const unneeded = await takeTestBackup(target);
  await rename(keyFile(target), `${keyFile(target)}.away`);
  try {
    const { result } = await materialize(plain, unneeded, { restoreId: 2 });
    expect(result.reached).toMatchObject({ gtid: expect.any(String) });
  } finally {
    await rename(`${keyFile(target)}.away`, keyFile(target));
  }
});
