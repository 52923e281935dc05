import { afterEach, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { restoreSettings } from '../../config/agent.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { noteRestore, restoredSince } from '../../mariadb/follow/restored.ts';
import { checkCopy } from '../../mariadb/restore/check.ts';
import { beginInPlace, emptyData } from '../../mariadb/restore/in-place.ts';
import { closeInPlace, inPlaceOpen, readInPlace } from '../../mariadb/restore/in-place-record.ts';
import { prepareCopy } from '../../mariadb/restore/prepare.ts';
import { stagingFor } from '../../mariadb/restore/staging.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { isServing } from '../../mariadb/server/lifecycle.ts';
import { makeStateDirectory, serverOwner, takeTestBackup, testAttempt, unpack } from '../support/copies.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.remove();
  server = undefined;
});

test('the data is emptied and restored where it is; foreign files stay, and each member is in its place', async () => {
  server = await startTestServer({ layout: { binlog: true, innodb: true, redo: true } });
  await server.loadSample({ rows: 40 });
  await server.query('DROP TABLE shop.sessions');
  const sums = await server.checksums();
  const backup = await takeTestBackup(server);
  await server.query('DROP TABLE shop.orders');
  const key = path.join(server.dataDirectory, 'server-key.pem');
  await writeFile(key, 'secret', { mode: 0o400 });
  const stateDirectory = await makeStateDirectory();
  const { settings } = server;
  const layout = await inspectLayout(settings);
  const owner = await serverOwner();
  const work = {
    server: settings,
    layout,
    owner,
    stateDirectory,
    restoreId: 7,
    log: silentLog,
  };

  await beginInPlace(work);
  const told: boolean[] = [];
  const beforeRemoval = async (): Promise<void> => {
    told.push((await readInPlace(stateDirectory))?.emptied === true && existsSync(key));
  };
  await expect(emptyData({ ...work, beforeRemoval })).rejects.toMatchObject({ code: 'server_stop_failed' });
  // Whoever follows the binlog must hear nothing of a restore that is refused.
  expect(told).toEqual([]);
  await server.stop();
  // As a restore that died while it laid its files out leaves it. With this mark no file would be checked again.
  const ownFolder = path.join(server.dataDirectory, '.tidemark');
  await mkdir(path.join(ownFolder, 'private'), { recursive: true });
  await writeFile(path.join(ownFolder, 'laying-out'), JSON.stringify({ restoreId: 7, warnings: [] }));
  // A database that has lost its files, and one that never was one: neither may keep the restored files out.
  const lost = path.join(server.dataDirectory, 'shop');
  for (const name of await readdir(lost)) await rm(path.join(lost, name));
  await mkdir(path.join(server.dataDirectory, 'haproxy'));
  await writeFile(path.join(server.dataDirectory, 'haproxy', 'haproxy.cfg'), 'global');
  await emptyData({ ...work, beforeRemoval });
  expect(told).toEqual([true]);
  expect(await inPlaceOpen(stateDirectory)).toBe(true);
  expect((await readdir(server.dataDirectory)).sort()).toEqual(['haproxy', 'server-key.pem', 'shop']);
  for (const kind of ['innodb', 'redo', 'binlog'])
    expect(await readdir(path.join(server.folder, kind))).toEqual([]);

  const attempt = await testAttempt();
  const directory = server.dataDirectory;
  const expected = { toLsn: backup.toLsn };
  // What an interrupted attempt left is replaced by the next.
  await unpack(server, backup, directory, attempt);
  await unpack(server, backup, directory, attempt);
  await prepareCopy({ server: settings, restore: restoreSettings.parse({}), directory, attempt, expected });
  const copy = { server: settings, layout, staging: stagingFor(layout, 7), directory, attempt };
  await mkdir(ownFolder, { recursive: true });
  await writeFile(path.join(ownFolder, 'laying-out'), JSON.stringify({ restoreId: 6, warnings: [] }));
  await checkCopy({ ...copy, binlog: backup.binlog });
  await checkCopy({ ...copy, binlog: backup.binlog });
  expect(await readdir(directory)).not.toContain('ibdata1');
  expect(await readdir(path.join(server.folder, 'innodb'))).toContain('ibdata1');
  expect(await readdir(directory)).not.toContain('.tidemark');

  await server.start();
  await closeInPlace(stateDirectory);
  expect(await server.checksums()).toEqual(sums);
  expect(await readFile(key, 'utf8')).toBe('secret');
  expect(await inPlaceOpen(stateDirectory)).toBe(false);
});

test('put back before it was emptied, the server serves as before; after that it stays stopped and is marked', async () => {
  server = await startTestServer();
  const stateDirectory = await makeStateDirectory();
  const layout = await inspectLayout(server.settings);
  const owner = await serverOwner();
  const work = {
    server: server.settings,
    layout,
    owner,
    stateDirectory,
    restoreId: 7,
    log: silentLog,
  };
  await beginInPlace(work);
  await server.stop();
  // As an agent of an earlier version left it.
  const note = { restoreId: 7, workflowId: 'restore/of-a-test', mode: 'in-place' as const };
  await noteRestore(stateDirectory, note);
  expect(await putBack({ ...work, workflowId: 'restore/of-a-test' })).toEqual({
    serving: true,
    emptied: false,
  });
  expect(await restoredSince(stateDirectory)).toBeUndefined();
  expect(await inPlaceOpen(stateDirectory)).toBe(false);

  await beginInPlace(work);
  await server.stop();
  await emptyData(work);
  expect(await putBack({ ...work, workflowId: 'restore/of-a-test' })).toEqual({
    serving: false,
    emptied: true,
  });
  expect(await inPlaceOpen(stateDirectory)).toBe(true);
  expect(await isServing(server.settings)).toBe(false);
});

test('a data directory that is missing is made, for the server alone', async () => {
  server = await startTestServer({ stopped: true });
  await rm(server.dataDirectory, { recursive: true });
  const layout = await inspectLayout(server.settings);
  const owner = await serverOwner();
  const stateDirectory = await makeStateDirectory();
  await emptyData({
    server: server.settings,
    layout,
    owner,
    stateDirectory,
    restoreId: 7,
    log: silentLog,
  });
  expect(existsSync(server.dataDirectory)).toBe(true);
  expect(await readdir(server.dataDirectory)).toEqual([]);
});
