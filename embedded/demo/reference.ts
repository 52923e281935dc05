/**
 * The truth about the tables that are written to, as of the backup's position, found without the backup: a copy of
 * the tables from before the writers began, and the server's own binlog applied to it up to that position.
 */
import { join } from 'node:path';
import { runProgram } from '../../mariadb/processes/run.ts';
import { rowsOf, type Connection } from '../../mariadb/server/sql.ts';
import { shop, writtenTables } from '../sample-data/schema.ts';
import type { StackService } from '../services.ts';
import { checksums, rowsKey, type Snapshot } from './snapshot.ts';

const reference = 'shop_reference';

export interface Position {
  file: string;
  position: number;
}

/**
 * Copies the tables that will be written to. Nobody may write to them meanwhile.
 *
 * @returns where the binlog stands: what is applied later begins there
 */
export async function copyTables(connection: Connection): Promise<Position> {
  await connection.query('SET SESSION sql_log_bin = 0');
  await connection.query(`CREATE DATABASE ${reference}`);
  for (const table of writtenTables) {
    await connection.query(`CREATE TABLE ${reference}.${table} LIKE ${shop}.${table}`);
    await connection.query(`INSERT INTO ${reference}.${table} SELECT * FROM ${shop}.${table}`);
  }
  const [status] = await rowsOf<{ File: string; Position: number }>(connection, 'SHOW MASTER STATUS');
  if (!status) throw new Error('The server keeps no binlog.');
  return { file: status.File, position: status.Position };
}

/**
 * Brings the copy to a position, and takes it away again.
 *
 * @returns the checksums of the written tables as of `to`, under the names that a snapshot has for them
 */
export async function stateAt(
  connection: Connection,
  service: StackService,
  from: Position,
  to: Position,
): Promise<Snapshot> {
  const logs = await rowsOf<{ Log_name: string }>(connection, 'SHOW BINARY LOGS');
  const names = logs.map((log) => log.Log_name);
  const files = names.slice(names.indexOf(from.file), names.indexOf(to.file) + 1);
  if (files[0] !== from.file || files.at(-1) !== to.file)
    throw new Error(`The server no longer has its binlogs from ${from.file} to ${to.file}.`);
  // Thousands of small commits are replayed, to be looked at once: none has to survive a power cut.
  await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
  await apply(service, files, from, to);
  const found = await checksums(
    connection,
    writtenTables.map((table) => `${reference}.${table}`),
  );
  await connection.query(`DROP DATABASE ${reference}`);
  return new Map(
    writtenTables.map((table) => [
      rowsKey(`${shop}.${table}`),
      found.get(`${reference}.${table}`) ?? 'missing',
    ]),
  );
}

async function apply(
  service: StackService,
  files: readonly string[],
  from: Position,
  to: Position,
): Promise<void> {
  const print = await runProgram(
    'mariadb-binlog',
    [
      '--no-defaults',
      `--start-position=${from.position}`,
      `--stop-position=${to.position}`,
      `--rewrite-db=${shop}->${reference}`,
      ...files.map((file) => join(service.data_directory, file)),
    ],
    { keepBytes: 1024 ** 3, timeoutMs: 60_000 },
  );
  if (print.code !== 0) throw new Error(`mariadb-binlog failed: ${print.stderr}`);
  const load = await runProgram('mariadb', [`--defaults-file=${service.defaults_file}`], {
    stdin: `SET SESSION sql_log_bin = 0;\n${print.stdout}`,
    timeoutMs: 60_000,
  });
  if (load.code !== 0) throw new Error(`The binlog could not be applied: ${load.stderr}`);
}
