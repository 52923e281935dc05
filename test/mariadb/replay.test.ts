/** Replaying the binlogs of a real server: what the copy is afterwards is what the source was at that transaction. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BinlogFile } from '../../mariadb/replay/order.ts';
import type { Connection } from '../../mariadb/server/sql.ts';
import { randomBelow } from '../support/hostile-faults.ts';
import { longRun } from '../support/long.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import {
  archiveBinlogs,
  beginReplaySource,
  prove,
  removeCopy,
  replayCopy,
  type ReplaySource,
  session,
  snapshot,
  type Snapshot,
} from '../support/replay.ts';

const seed = 20261123;
const transactions = longRun ? 400 : 90;
const targets = longRun ? 100 : 3;

let server: TestServer;
let source: ReplaySource;
let files: BinlogFile[];
/** What the source was when each transaction had been written, by GTID, in their order. */
const states = new Map<string, Snapshot>();
let sessions: Connection[];
let watcher: Connection;

const base = [
  'CREATE DATABASE shop',
  'CREATE DATABASE depot',
  'CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(100), at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6)) ENGINE=InnoDB',
  'CREATE TABLE shop.lines (id INT PRIMARY KEY AUTO_INCREMENT, order_id INT, CONSTRAINT of FOREIGN KEY (order_id) REFERENCES shop.orders (id) ON DELETE CASCADE) ENGINE=InnoDB',
  'CREATE TABLE shop.changes (order_id INT, what VARCHAR(20)) ENGINE=InnoDB',
  "CREATE TRIGGER shop.noted AFTER UPDATE ON shop.orders FOR EACH ROW INSERT INTO shop.changes (order_id, what) VALUES (NEW.id, 'updated')",
  'CREATE TABLE depot.goods (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE=MyISAM',
  'CREATE TABLE depot.places (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE=Aria TRANSACTIONAL=1',
  'CREATE TABLE shop.carts (id INT PRIMARY KEY, n INT) ENGINE=MEMORY',
  'INSERT INTO shop.carts VALUES (1, 1), (2, 2)',
  'CREATE SEQUENCE shop.numbers',
  "INSERT INTO shop.orders (what) VALUES ('one'), ('two'), ('three')",
  'INSERT INTO depot.goods (n) VALUES (1), (2)',
  'CREATE EVENT shop.old_on ON SCHEDULE EVERY 1 YEAR DO DELETE FROM shop.orders',
  'CREATE EVENT shop.old_off ON SCHEDULE EVERY 1 YEAR DISABLE DO DELETE FROM shop.orders',
];

/** Writes down what the source is, under the GTID that was written last. */
async function note(): Promise<void> {
  const [{ gtid } = { gtid: '' }] = await watcher.query<{ gtid: string }[]>(
    'SELECT @@gtid_binlog_pos AS gtid',
  );
  const last = gtid.split(',').find((one) => !known.has(one));
  for (const one of gtid.split(',')) known.add(one);
  if (last !== undefined) states.set(last, await snapshot(watcher));
}
const known = new Set<string>();

async function does(connection: Connection, ...statements: string[]): Promise<void> {
  for (const statement of statements) {
    await connection.query(statement);
    await note();
  }
}

/** What happens once, whatever is drawn. */
async function everyKind([a, b]: Connection[]): Promise<void> {
  await does(
    a!,
    'USE shop',
    "SET binlog_format = 'STATEMENT'",
    'CREATE TEMPORARY TABLE shop.few (i INT)',
    'INSERT INTO shop.few VALUES (1), (2)',
    "INSERT INTO shop.orders (what) SELECT CONCAT('few ', i) FROM shop.few",
    'DROP TEMPORARY TABLE shop.few',
    "SET binlog_format = 'ROW'",
    'UPDATE shop.carts SET n = n + 1',
    'DELETE FROM shop.carts WHERE id = 2',
    'CREATE USER clerk IDENTIFIED BY "clerk\'s own"',
    'GRANT SELECT ON shop.* TO clerk',
    'CREATE TABLE shop.copied SELECT * FROM shop.orders',
    'CREATE EVENT shop.new_on ON SCHEDULE EVERY 1 YEAR DO DELETE FROM shop.orders',
    "CREATE DEFINER=clerk EVENT `new off` ON SCHEDULE EVERY 1 YEAR DISABLE COMMENT 'ENABLE; DO' DO DELETE FROM shop.orders",
    'ALTER EVENT shop.old_on DISABLE',
    'ALTER EVENT shop.old_off ON SCHEDULE EVERY 2 YEAR',
    'ALTER EVENT shop.new_on RENAME TO depot.moved_on',
    'ALTER TABLE shop.orders ADD COLUMN price DECIMAL(10, 2) DEFAULT 1.5',
    'START TRANSACTION',
    "INSERT INTO shop.orders (what) VALUES ('kept')",
    'SAVEPOINT s',
    "INSERT INTO shop.orders (what) VALUES ('not kept')",
    'ROLLBACK TO SAVEPOINT s',
    'INSERT INTO depot.places (n) VALUES (7)',
    'COMMIT',
    "XA START 'x'",
    "INSERT INTO shop.orders (what) VALUES ('by XA')",
    "XA END 'x'",
    "XA PREPARE 'x'",
  );
  await does(b!, "INSERT INTO shop.orders (what) VALUES ('meanwhile')");
  await does(
    a!,
    "XA COMMIT 'x'",
    "XA START 'y'",
    "INSERT INTO shop.orders (what) VALUES ('never')",
    "XA END 'y'",
    "XA PREPARE 'y'",
    "XA ROLLBACK 'y'",
    'SET GLOBAL log_bin_compress = 1',
    'SET GLOBAL log_bin_compress_min_len = 10',
  );
  // A session has the setting as it was when it began.
  await using c = await session(server);
  await does(
    c,
    "INSERT INTO shop.orders (what) VALUES (REPEAT('compressed ', 9))",
    'CREATE TABLE shop.compressed (i INT) COMMENT "' + 'x'.repeat(300) + '"',
    `CREATE EVENT depot.small ON SCHEDULE EVERY 1 YEAR DISABLE COMMENT '${'y'.repeat(60)}' DO SELECT 1`,
  );
  await server.query('SET GLOBAL log_bin_compress = 0');
}

/** One statement, or a transaction, of a session. */
async function anything(connection: Connection, draw: (below: number) => number): Promise<void> {
  const formats = ['ROW', 'STATEMENT', 'MIXED'];
  const id = 1 + draw(30);
  const kinds: (() => string[])[] = [
    () => [`INSERT INTO shop.orders (what) VALUES ('b ${id}'), (NOW(6))`],
    () => [`UPDATE shop.orders SET what = CONCAT('changed ', ${id}) WHERE id = ${id}`],
    () => [`DELETE FROM shop.orders WHERE id = ${id}`],
    () => [`INSERT INTO depot.goods (n) VALUES (${id}), (${id + 1})`],
    () => [`UPDATE depot.places SET n = n + ${id}`, `INSERT INTO depot.places (n) VALUES (${id})`],
    () => ['SELECT NEXT VALUE FOR shop.numbers'],
    () => [`CREATE OR REPLACE TABLE depot.t${draw(3)} AS SELECT id, what FROM shop.orders`],
    () => [`SET binlog_format = '${formats[draw(3)]}'`],
    () => [`SET gtid_domain_id = ${draw(3)}`],
    () => [`SET timestamp = ${1_700_000_000 + draw(1_000_000)}`, "SET time_zone = '+05:45'"],
    () => ['SET timestamp = DEFAULT'],
    () => [`SET server_id = ${9000 + draw(3)}`],
    () => ['FLUSH BINARY LOGS'],
    () => ['START TRANSACTION', `UPDATE shop.orders SET what = 'gone' WHERE id > ${id}`, 'ROLLBACK'],
    () => [
      'START TRANSACTION',
      `INSERT INTO shop.orders (what) VALUES ('a ${id}')`,
      'INSERT INTO shop.lines (order_id) SELECT MAX(id) FROM shop.orders',
      `UPDATE shop.orders SET what = LEFT(CONCAT('!', what), 90) WHERE id < ${id}`,
      'COMMIT',
    ],
  ];
  try {
    await does(connection, ...kinds[draw(kinds.length)]!());
  } catch (error) {
    // What a session may not do in the format that was drawn does nothing.
    if (!/binlog|BINLOG|statement|SEQUENCE|lock/i.test(String(error))) throw error;
    await connection.query('ROLLBACK');
    await note();
  }
}

beforeAll(async () => {
  server = await startTestServer({
    name: 'replay',
    // A replica would not do all that the source did.
    config: ['replicate_ignore_db=depot', 'slave_skip_errors=1062', 'innodb_flush_log_at_trx_commit=0'],
  });
  watcher = await session(server);
  for (const statement of base) await watcher.query(statement);
  source = await beginReplaySource(server);
  for (const gtid of source.backup.binlog.gtid.split(',')) known.add(gtid);
  sessions = [await session(server), await session(server), await session(server)];
  const next = randomBelow(seed);
  const draw = (below: number): number => Math.floor(next() * below);
  await everyKind(sessions);
  while (states.size < transactions) await anything(sessions[draw(sessions.length)]!, draw);
  files = await archiveBinlogs(source);
}, 120_000);
afterAll(async () => {
  for (const connection of [...sessions, watcher]) connection.destroy();
  await server.remove();
});

test('the end of all binlogs is what the source is now, its events, users and GTIDs too', async () => {
  const [gtid = '', expected] = [...states].at(-1)!;
  const proven = await prove(source, files, { after: gtid });
  expect(files.length).toBeGreaterThan(1);
  const copy = await replayCopy(source, proven);
  expect(copy.snapshot).toEqual(expected);
  expect(copy.gtid.split(',').sort()).toEqual(
    (await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid'))[0]!.gtid.split(',').sort(),
  );
  expect(copy.result).toMatchObject({ way: 'relay', reached: proven.stop });
  expect(copy.result.notes).toEqual([expect.stringMatching(/MEMORY.*: shop\.carts\./)]);
  expect((await readdir(copy.directory)).filter((name) => /relay|^master/.test(name))).toEqual([]);
  await removeCopy(copy);
});

test(
  `${targets} drawn transactions, and just before them, each as the source was then (seed ${seed})`,
  async () => {
    const next = randomBelow(seed + 1);
    const gtids = [...states.keys()];
    for (let drawn = 0; drawn < targets; drawn += 1) {
      const number = 1 + Math.floor(next() * (gtids.length - 1));
      const before = drawn % 2 === 1;
      const stop = before ? { before: gtids[number]! } : { after: gtids[number]! };
      const copy = await replayCopy(source, await prove(source, files, stop));
      expect({ stop, state: copy.snapshot }).toEqual({
        stop,
        state: states.get(gtids[before ? number - 1 : number]!),
      });
      await removeCopy(copy);
    }
  },
  longRun ? 900_000 : 60_000,
);

test('by mariadb-binlog it is the same', async () => {
  const gtids = [...states.keys()];
  // Row events of the MEMORY table cannot be left out there.
  const number = 3;
  const proven = await prove(source, files, { after: gtids[number]! });
  const copy = await replayCopy(source, proven, { way: 'pipe' });
  expect(copy.snapshot).toEqual(states.get(gtids[number]!));
  expect(copy.result.way).toBe('pipe');
  expect(copy.gtid).toBe(proven.stop.gtid);
  await removeCopy(copy);
});
