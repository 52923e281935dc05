/** Every table of a copy is looked through on a real server. */
import { open, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkEveryTable, type CheckedTables } from '../../mariadb/proof/tables.ts';
import { connect } from '../../mariadb/server/sql.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

const root = { user: userInfo().username, password: '' };
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ name: 'proof' });
  await server.loadSample({ rows: 300 });
  await server.query('CREATE SEQUENCE shop.numbers');
  await server.query('CREATE TABLE shop.volatile (id INT) ENGINE=MEMORY');
  await server.query('CREATE TABLE shop.lines (id INT NOT NULL, t CHAR(9) NOT NULL) ENGINE=CSV');
});
afterAll(() => server.remove());

async function check(): Promise<CheckedTables & { shares: number[] }> {
  await using connection = await connect(server.settings, root);
  const shares: number[] = [];
  const { signal } = new AbortController();
  const found = await checkEveryTable(connection, server.dataDirectory, { signal }, (share) =>
    shares.push(share),
  );
  return { ...found, shares };
}

test('one that is whole is counted, and has the same checksum until a row changes', async () => {
  const first = await check();
  const [{ tables } = { tables: 0 }] = await server.query<{ tables: number }>(
    "SELECT COUNT(*) AS tables FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' " +
      "AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED') AND ENGINE <> 'MEMORY'",
  );
  expect(first.tables).toBe(Number(tables));
  expect(first.rows).toBeGreaterThan(300);
  expect(first.warnings).toEqual([
    expect.stringMatching(/were not checked: shop\.sessions, shop\.volatile\.$/),
  ]);
  expect(first.shares.at(-1)).toBe(1);
  const { digest } = await check();
  expect(digest).toBe(first.digest);
  await server.query('UPDATE shop.customers SET name = CONCAT(name, "!") LIMIT 1');
  const changed = await check();
  expect([changed.rows, changed.digest === digest]).toEqual([first.rows, false]);
});

test('one that is damaged is named, and so is one that is gone', async () => {
  await server.query('CREATE TABLE shop.torn (id INT PRIMARY KEY, t CHAR(200)) ENGINE=MyISAM');
  await server.query('INSERT INTO shop.torn SELECT seq, SHA2(seq, 512) FROM shop.seq_1_to_100');
  await server.query('FLUSH TABLES');
  const file = path.join(server.dataDirectory, 'shop', 'torn.MYD');
  const handle = await open(file, 'r+');
  await handle.truncate(5_000);
  await handle.close();
  await expect(check()).rejects.toMatchObject({
    code: 'proof_failed',
    message: expect.stringMatching(
      /^In the copy that was brought back these tables are damaged: shop\.torn \(/,
    ),
  });
  await server.query('DROP TABLE shop.torn');
  await server.query('CREATE TABLE shop.gone (id INT) ENGINE=InnoDB');
  await server.query('INSERT INTO shop.gone VALUES (1)');
  await server.stop();
  await rm(path.join(server.dataDirectory, 'shop', 'gone.ibd'));
  await server.start();
  await expect(check()).rejects.toMatchObject({ code: 'proof_failed' });
});
