/** Replaying what was written to tables whose rows lie on another server: nothing is written there a second time. */
import { chown, mkdtemp, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { serverOwner } from '../support/copies.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import {
  archiveBinlogs,
  beginReplaySource,
  prove,
  removeCopy,
  replayCopy,
  type ReplaySource,
} from '../support/replay.ts';
import { runFolder } from '../support/run.ts';

let server: TestServer;
let source: ReplaySource;

beforeAll(async () => {
  server = await startTestServer({ name: 'replay-outside', config: ['plugin_load_add=ha_federatedx'] });
  const { socket } = server;
  await server.session([
    'CREATE DATABASE shop',
    'CREATE DATABASE remote',
    // Without a key: a second row would not be refused.
    'CREATE TABLE remote.t (id INT)',
    "CREATE USER far@localhost IDENTIFIED BY 'far'",
    'GRANT ALL ON remote.* TO far@localhost',
    `CREATE SERVER far FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'localhost', USER 'far', PASSWORD 'far', DATABASE 'remote', SOCKET '${socket}')`,
    "CREATE TABLE shop.orders (id INT) ENGINE=FEDERATED CONNECTION='far/t'",
    'CREATE TABLE shop.near (id INT PRIMARY KEY)',
    'CREATE TABLE shop.carts (id INT PRIMARY KEY) ENGINE=MEMORY',
  ]);
  source = await beginReplaySource(server);
}, 60_000);
afterAll(() => server.remove());

async function end(): Promise<string> {
  const [row] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
  return row!.gtid;
}

test('rows of a FEDERATED table are left out, and said to be', async () => {
  await server.session(['INSERT INTO shop.orders VALUES (1)', 'INSERT INTO shop.near VALUES (1)']);
  expect(await server.query('SELECT * FROM remote.t')).toHaveLength(1);
  const proven = await prove(source, await archiveBinlogs(source), { after: await end() });
  const copy = await replayCopy(source, proven, { query: 'SELECT id FROM shop.near' });
  expect(await server.query('SELECT * FROM remote.t')).toHaveLength(1);
  expect(copy.rows).toEqual([{ id: 1 }]);
  expect(copy.result.notes).toEqual([
    expect.stringMatching(/MEMORY.*: shop\.carts\./),
    expect.stringMatching(/rows lie elsewhere.*: shop\.orders\./),
  ]);
  await removeCopy(copy);
}, 60_000);

test('what a table that is left out becomes ends the replay', async () => {
  await server.session(['ALTER TABLE shop.carts ENGINE=InnoDB', 'INSERT INTO shop.carts VALUES (7)']);
  const proven = await prove(source, await archiveBinlogs(source), { after: await end() });
  await expect(replayCopy(source, proven)).rejects.toMatchObject({
    code: 'replay_failed',
    message: expect.stringContaining('shop.carts'),
  });
}, 60_000);

test('what is made with a DATA DIRECTORY lies in the copy', async () => {
  source = await beginReplaySource(server);
  const beside = await mkdtemp(path.join(runFolder(), 'beside-'));
  const { uid, gid } = await serverOwner();
  await chown(beside, uid, gid);
  await server.session([
    `CREATE TABLE shop.beside (id INT) ENGINE=InnoDB DATA DIRECTORY='${beside}'`,
    'INSERT INTO shop.beside VALUES (3)',
  ]);
  expect(await readdir(beside)).toEqual(['shop']);
  const proven = await prove(source, await archiveBinlogs(source), { after: await end() });
  // The server's own file is there: another server could not make it.
  const copy = await replayCopy(source, proven, { query: 'SELECT id FROM shop.beside' });
  expect(copy.rows).toEqual([{ id: 3 }]);
  expect(await readdir(path.join(copy.directory, 'shop'))).toContain('beside.ibd');
  await removeCopy(copy);
  await server.session(['DROP TABLE shop.beside']);
}, 60_000);

test('one that is made during the replay writes nothing either', async () => {
  source = await beginReplaySource(server);
  await server.session([
    "CREATE TABLE shop.late (id INT) ENGINE=FEDERATED CONNECTION='far/t'",
    'INSERT INTO shop.late VALUES (2)',
  ]);
  const rows = await server.query('SELECT * FROM remote.t');
  const proven = await prove(source, await archiveBinlogs(source), { after: await end() });
  await expect(replayCopy(source, proven)).rejects.toMatchObject({
    code: 'replay_failed',
    message: expect.stringContaining('error 1286'),
  });
  expect(await server.query('SELECT * FROM remote.t')).toEqual(rows);
}, 60_000);
