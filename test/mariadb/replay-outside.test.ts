/**
 * Replaying what was written to tables whose rows lie on another server: nothing is written there a second time. And by
 * mariadb-binlog: what comes to the server is counted.
 */
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
});
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
});

test('a statement that takes from a table which is left out is told, with what it has changed', async () => {
  await server.session([
    'SET SESSION binlog_format = STATEMENT',
    'INSERT INTO shop.carts VALUES (21), (22)',
    'INSERT INTO shop.near SELECT id FROM shop.carts',
    'DELETE FROM shop.carts',
  ]);
  const proven = await prove(source, await archiveBinlogs(source), { after: await end() });
  const copy = await replayCopy(source, proven, { query: 'SELECT id FROM shop.near' });
  expect(copy.rows).toEqual([{ id: 1 }]);
  expect(copy.result.notes).toContainEqual(
    expect.stringMatching(/may be others than they were.*transaction \d+-\d+-\d+\): shop\.near\./),
  );
  await removeCopy(copy);
}, 60_000);

test('what a table that is left out becomes ends the replay', async () => {
  await server.session(['ALTER TABLE shop.carts ENGINE=InnoDB', 'INSERT INTO shop.carts VALUES (7)']);
  const proven = await prove(source, await archiveBinlogs(source), { after: await end() });
  await expect(replayCopy(source, proven)).rejects.toMatchObject({
    code: 'replay_failed',
    message: expect.stringContaining('shop.carts'),
  });
});

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
});

test('by mariadb-binlog each transaction is counted that comes to the server, of whatever kind', async () => {
  const own = await beginReplaySource(server);
  await server.session([
    'CREATE DATABASE counted',
    'CREATE TABLE counted.t (id INT PRIMARY KEY)',
    'CREATE TABLE counted.m (id INT) ENGINE=MyISAM',
    'INSERT INTO counted.t VALUES (1)',
    'INSERT INTO counted.m VALUES (1), (2)',
    'SET SESSION binlog_format = STATEMENT',
    'INSERT INTO counted.t VALUES (2)',
    'INSERT INTO counted.m VALUES (3)',
    'SET SESSION binlog_format = ROW',
    'CREATE TABLE counted.c AS SELECT * FROM counted.t',
    'START TRANSACTION',
    'INSERT INTO counted.t VALUES (3)',
    'SAVEPOINT a',
    'INSERT INTO counted.t VALUES (4)',
    'ROLLBACK TO a',
    'COMMIT',
    "XA START 'one'",
    'INSERT INTO counted.t VALUES (5)',
    "XA END 'one'",
    "XA PREPARE 'one'",
    "XA COMMIT 'one'",
    'FLUSH BINARY LOGS',
    'DROP TABLE counted.c',
    'INSERT INTO counted.t VALUES (6)',
  ]);
  const stop = { after: await end() };
  const proven = await prove(own, await archiveBinlogs(own), stop);
  const query = 'SELECT GROUP_CONCAT(id ORDER BY id) AS ids FROM counted.t';
  const copy = await replayCopy(own, proven, { way: 'pipe', query });
  expect(copy.rows).toEqual([{ ids: '1,2,3,5,6' }]);
  expect(proven.begun).toBeLessThan(proven.transactions);
  await removeCopy(copy);
  // One that is in the binlogs, and did not come.
  const more = { ...proven, begun: proven.begun + 1 };
  await expect(replayCopy(own, more, { way: 'pipe' })).rejects.toMatchObject({
    code: 'replay_failed',
    // Whether the target was touched, this does not know: in place its data is gone.
    message: expect.stringMatching(/transactions were begun, and the binlogs have \d+ there\.$/),
  });
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
});
