/** Binlogs to measure with, written by a real server. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { serverSettings, type ServerSettings } from '../config/agent.ts';
import { prepareSampleServer, sampleServer, type SampleServer } from '../embedded/sample-server.ts';
import { startServer, stopServer } from '../mariadb/server/lifecycle.ts';
import { connect, type Connection, rowsOf } from '../mariadb/server/sql.ts';
import { unlessGivenUp } from './given-up.ts';

const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
/** The server begins another file then. */
const largestFile = 1024 ** 3;
/** As small as a transaction of a shop: a few rows of a table, by their keys. */
const smallBatch = 1000;
/** One row event after the other of 8 KB, in transactions of some MB. */
const largeRows = 20_000;

/** A closed file of each kind. */
export interface Binlogs {
  /** Transactions of four statements each. */
  small: string;
  /** Transactions of thousands of rows. */
  large: string;
}

/**
 * Has a server write a binlog of each kind, and stops it.
 *
 * @param folder where it is made, with the files
 * @param bytes of each file, or a little more; 1 GiB at most
 * @param interrupted gives it up
 */
export async function writeBinlogs(
  folder: string,
  bytes: number,
  interrupted: AbortSignal,
): Promise<Binlogs> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const sample = sampleServer(folder, 1);
  await prepareSampleServer(sample, 1);
  const settings = serverSettings.parse({ defaults_file: sample.defaultsFile, control: { kind: 'direct' } });
  await startServer(settings, { log });
  try {
    return await unlessGivenUp(interrupted, () => written(sample, settings, bytes));
  } finally {
    await stopServer(settings, { log });
  }
}

async function written(sample: SampleServer, settings: ServerSettings, bytes: number): Promise<Binlogs> {
  await using connection = await connect(settings, { user: userInfo().username, password: '' });
  await connection.query(
    `SET GLOBAL innodb_flush_log_at_trx_commit = 0, GLOBAL max_binlog_size = ${largestFile}`,
  );
  await connection.query("SET SESSION binlog_format = 'ROW'");
  await connection.query('CREATE DATABASE bench');
  await connection.query('USE bench');
  await connection.query(
    'CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, k INT, c CHAR(120), pad CHAR(60))',
  );
  await insertRows(connection);
  await connection.query(smallTransactions);
  const small = await fileOf(connection, bytes, () => connection.query(`CALL small(${smallBatch})`));
  const large = await fileOf(connection, bytes, () => insertRows(connection));
  return { small: join(sample.dataDirectory, small), large: join(sample.dataDirectory, large) };
}

/** What sysbench's oltp_write_only does in a transaction. */
const smallTransactions = `CREATE PROCEDURE small(n INT)
  BEGIN
    DECLARE one INT;
    FOR i IN 1..n DO
      SET one = 1 + FLOOR(RAND() * ${largeRows});
      START TRANSACTION;
      UPDATE t SET k = k + 1 WHERE id = one;
      UPDATE t SET c = LEFT(SHA2(RAND(), 512), 120) WHERE id = one + 1;
      DELETE FROM t WHERE id = one + 2;
      REPLACE INTO t VALUES (one + 2, i, LEFT(SHA2(i, 512), 120), SHA2(i, 224));
      COMMIT;
    END FOR;
  END`;

async function insertRows(connection: Connection): Promise<void> {
  await connection.query(
    `INSERT INTO t (k, c, pad) SELECT seq, LEFT(SHA2(seq, 512), 120), SHA2(seq, 224) FROM seq_1_to_${largeRows}`,
  );
}

/** @returns the name of a closed binlog that has nothing but what `write` wrote, again and again until it is large enough */
async function fileOf(connection: Connection, bytes: number, write: () => Promise<unknown>): Promise<string> {
  await connection.query('FLUSH BINARY LOGS');
  const logs = (): Promise<{ Log_name: string; File_size: number }[]> =>
    rowsOf(connection, 'SHOW BINARY LOGS');
  const begun = (await logs()).at(-1)?.Log_name ?? '';
  for (;;) {
    await write();
    const full = (await logs()).find(
      ({ Log_name: name, File_size: size }) => name >= begun && size >= Math.min(bytes, largestFile),
    );
    if (!full) continue;
    await connection.query('FLUSH BINARY LOGS');
    return full.Log_name;
  }
}
