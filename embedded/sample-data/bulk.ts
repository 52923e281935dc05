/** One large table after the other, for measuring: rows like sysbench's, which compress as real data does. */
import type { Connection } from '../../mariadb/server/sql.ts';

const rowBytes = 230;
/** What one statement inserts: an undo log of moderate size, and progress that can be seen. */
const batchRows = 500_000;
const tableCount = 4;

const bulkDatabase = 'bench';

/** Fills the database `bench` with about `bytes`, without the binlog. Any earlier one is dropped. */
export async function loadBulk(connection: Connection, bytes: number): Promise<void> {
  await connection.query('SET SESSION sql_log_bin = 0, SESSION unique_checks = 0');
  await connection.query(`DROP DATABASE IF EXISTS ${bulkDatabase}`);
  await connection.query(`CREATE DATABASE ${bulkDatabase}`);
  // The sequence engine's tables are looked for in the current database.
  await connection.query(`USE ${bulkDatabase}`);
  const rows = Math.floor(bytes / rowBytes / tableCount);
  if (rows === 0) return;
  for (let table = 1; table <= tableCount; table += 1) {
    const name = `${bulkDatabase}.rows${table}`;
    await connection.query(
      `CREATE TABLE ${name} (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL)
       ENGINE=InnoDB CHARACTER SET latin1`,
    );
    for (let first = 1; first <= rows; first += batchRows) {
      const last = Math.min(rows, first + batchRows - 1);
      await connection.query(
        `INSERT INTO ${name} SELECT seq, FLOOR(RAND() * ${rows}), ${digits(10)}, ${digits(5)} FROM seq_${first}_to_${last}`,
      );
    }
  }
}

/** Gives `percent` of the rows of each table, the first ones, another content, without the binlog. */
export async function changeBulk(connection: Connection, percent: number): Promise<void> {
  await connection.query('SET SESSION sql_log_bin = 0');
  for (let table = 1; table <= tableCount; table += 1) {
    const name = `${bulkDatabase}.rows${table}`;
    await connection.query(
      `UPDATE ${name} SET k = k + 1 WHERE id <= (SELECT * FROM (SELECT MAX(id) FROM ${name}) AS top) * ${percent} / 100`,
    );
  }
}

/** Groups of eleven random digits with dashes between them. */
function digits(groups: number): string {
  const group = "LPAD(FLOOR(RAND() * 99999999999), 11, '0')";
  return `CONCAT_WS('-', ${Array(groups).fill(group).join(', ')})`;
}
