/** Small transactions to measure with: four statements on rows of one table, each session on rows of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../mariadb/server/sql.ts';

export const sessions = 4;
const rowsEach = 50_000;
/** Between two looks whether more is due. */
const pauseMs = 5;

/** What sysbench's oltp_write_only does in a transaction. */
const writing = `CREATE PROCEDURE transactions.writing(session INT, n INT)
  BEGIN
    DECLARE one INT;
    FOR i IN 1..n DO
      SET one = session * ${rowsEach} + 1 + FLOOR(RAND() * (${rowsEach} - 4));
      START TRANSACTION;
      UPDATE transactions.t SET k = k + 1 WHERE id = one;
      UPDATE transactions.t SET c = LEFT(SHA2(RAND(), 512), 120) WHERE id = one + 1;
      DELETE FROM transactions.t WHERE id = one + 2;
      REPLACE INTO transactions.t VALUES (one + 2, i, LEFT(SHA2(i, 512), 120), SHA2(i, 224));
      COMMIT;
    END FOR;
  END`;

/** Makes the database `transactions` with the table. */
export async function prepareTransactions(connection: Connection): Promise<void> {
  await connection.query('CREATE DATABASE transactions');
  await connection.query('USE transactions');
  await connection.query(
    'CREATE TABLE transactions.t (id INT PRIMARY KEY AUTO_INCREMENT, k INT, c CHAR(120), pad CHAR(60), KEY (k))',
  );
  await connection.query(
    `INSERT INTO transactions.t (k, c, pad) SELECT seq, LEFT(SHA2(seq, 512), 120), SHA2(seq, 224) FROM seq_1_to_${sessions * rowsEach + 4}`,
  );
  await connection.query(writing);
}

/** Writes so many, in calls of `batch`. @param session from 0 to {@link sessions}: two may not have one at a time */
export async function writeTransactions(
  connection: Connection,
  session: number,
  { count, batch }: { count: number; batch: number },
): Promise<void> {
  for (let done = 0; done < count; done += batch)
    await connection.query('CALL transactions.writing(?, ?)', [session, Math.min(batch, count - done)]);
}

/** Writes for some time, no more than `rate` a second. @returns how many */
export async function offerTransactions(
  connection: Connection,
  session: number,
  { rate, seconds, batch }: { rate: number; seconds: number; batch: number },
): Promise<number> {
  const begun = performance.now();
  let done = 0;
  for (;;) {
    const passed = (performance.now() - begun) / 1000;
    if (passed >= seconds) return done;
    const count = Math.min(Math.floor(passed * rate) - done, batch);
    if (count > 0) await writeTransactions(connection, session, { count, batch });
    else await sleep(pauseMs);
    done += Math.max(0, count);
  }
}
