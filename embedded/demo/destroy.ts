/** What a backup is for. */
import { readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Connection } from '../../mariadb/server/sql.ts';
import { sampleAccounts, sampleDatabases, sampleRole } from '../sample-data/schema.ts';

/** Drops the table that the customers order from, as somebody would who was told twice that it cannot be dropped. */
export async function dropOrders(connection: Connection): Promise<void> {
  await connection.query('SET SESSION sql_log_bin = 1, SESSION foreign_key_checks = 0');
  await connection.query('DROP TABLE shop.orders');
  await connection.query('SET SESSION sql_log_bin = 0, SESSION foreign_key_checks = 1');
}

/** Drops the sample databases and accounts, as somebody would who took this server for another. */
export async function dropEverything(connection: Connection): Promise<void> {
  for (const database of sampleDatabases) await connection.query(`DROP DATABASE ${database}`);
  for (const account of sampleAccounts) await connection.query(`DROP USER ${account}`);
  await connection.query(`DROP ROLE ${sampleRole}`);
}

/**
 * Removes InnoDB's files and the server's own tables behind the server's back: it could not be started again.
 *
 * @returns what was removed, relative to the data directory
 */
export async function removeFiles(dataDirectory: string): Promise<string[]> {
  const entries = await readdir(dataDirectory, { recursive: true, withFileTypes: true });
  const doomed = entries.filter(
    (entry) =>
      entry.isFile() &&
      (/^(ibdata|undo|ib_logfile)\d+$/.test(entry.name) || /\.(ibd|MAD|MAI)$/.test(entry.name)),
  );
  const paths = doomed.map((entry) => join(entry.parentPath, entry.name));
  await Promise.all(paths.map((path) => rm(path, { force: true })));
  return paths.map((path) => relative(dataDirectory, path)).sort();
}
