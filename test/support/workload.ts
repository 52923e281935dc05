/** What several sessions write to a server at random, and what the server was after each of their statements. */
import { microseconds } from '../../domain/archive/instants.ts';
import type { Connection } from '../../mariadb/server/sql.ts';
import { randomBelow } from './hostile-faults.ts';
import type { TestServer } from './mariadb.ts';
import { session, type Snapshot, snapshot } from './replay.ts';

/** Runs before a workload: several engines, a trigger, a foreign key, events, a sequence. */
export const base = [
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

/** What the source was behind a transaction. */
export interface Note {
  /** The transaction, and the whole state that it left. */
  gtid: string;
  state: string;
  snapshot: Snapshot;
  /** The server's own clock, before the statement was sent and after it was confirmed; microseconds. */
  before: number;
  after: number;
}

/** Writes to a server and looks at it after each statement. */
class Writer {
  readonly server: TestServer;
  readonly notes: Note[] = [];
  readonly #watcher: Connection;
  readonly #known: Set<string>;

  constructor(server: TestServer, watcher: Connection, known: readonly string[]) {
    this.server = server;
    this.#watcher = watcher;
    this.#known = new Set(known);
  }

  async does(connection: Connection, ...statements: string[]): Promise<void> {
    for (const statement of statements) {
      const { time: before } = await this.#look();
      await connection.query(statement);
      await this.note(before);
    }
  }

  /** Writes down what the source is, under the GTID that was written last. */
  async note(before: number): Promise<void> {
    const { state, time: after } = await this.#look();
    const gtids = state.split(',');
    const last = gtids.find((one) => !this.#known.has(one));
    for (const one of gtids) this.#known.add(one);
    if (last === undefined) return;
    this.notes.push({ gtid: last, state, before, after, snapshot: await snapshot(this.#watcher) });
  }

  async #look(): Promise<{ state: string; time: number }> {
    const [row] = await this.#watcher.query<{ state: string; time: string }[]>(
      "SELECT @@gtid_binlog_pos AS state, DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ') AS time",
    );
    return { state: row!.state, time: microseconds(row!.time) };
  }
}

/**
 * So many transactions of every kind that is told below, drawn from a seed. What is written now follows a backup that
 * stands at `from`.
 */
export async function runWorkload(
  server: TestServer,
  { seed, transactions, from }: { seed: number; transactions: number; from: string },
): Promise<Note[]> {
  const connections = [];
  for (let count = 0; count < 4; count += 1) connections.push(await session(server));
  const [watcher, ...sessions] = connections;
  try {
    const writer = new Writer(server, watcher!, from.split(','));
    const next = randomBelow(seed);
    const draw = (below: number): number => Math.floor(next() * below);
    await everyKind(writer, sessions);
    while (writer.notes.length < transactions) await anything(writer, sessions[draw(sessions.length)]!, draw);
    return writer.notes;
  } finally {
    for (const connection of connections) connection.destroy();
  }
}

/** What happens once, whatever is drawn. */
async function everyKind(writer: Writer, [a, b]: Connection[]): Promise<void> {
  await writer.does(
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
  await writer.does(b!, "INSERT INTO shop.orders (what) VALUES ('meanwhile')");
  await writer.does(
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
  await using c = await session(writer.server);
  await writer.does(
    c,
    "INSERT INTO shop.orders (what) VALUES (REPEAT('compressed ', 9))",
    'CREATE TABLE shop.compressed (i INT) COMMENT "' + 'x'.repeat(300) + '"',
    `CREATE EVENT depot.small ON SCHEDULE EVERY 1 YEAR DISABLE COMMENT '${'y'.repeat(60)}' DO SELECT 1`,
  );
  await writer.server.query('SET GLOBAL log_bin_compress = 0');
}

/** One statement, or a transaction, of a session. */
async function anything(
  writer: Writer,
  connection: Connection,
  draw: (below: number) => number,
): Promise<void> {
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
    await writer.does(connection, ...kinds[draw(kinds.length)]!());
  } catch (error) {
    // What a session may not do in the format that was drawn does nothing.
    if (!/binlog|BINLOG|statement|SEQUENCE|lock/i.test(String(error))) throw error;
    await connection.query('ROLLBACK');
    await writer.note(0);
  }
}
