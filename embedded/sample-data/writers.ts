/** Clients of the shop that never rest: they place, pay, send and return orders while a backup is taken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../mariadb/server/sql.ts';
import type { rowCounts } from './load.ts';

export interface Writers {
  /** Transactions that were committed so far. */
  committed(): number;
  /** Lets each finish its transaction, and closes the connections. @throws what a writer failed of, if one did */
  stop(): Promise<void>;
}

/** Between two transactions of one writer: busy, but no test of how much two cores can bear. */
const pauseMs = 2;
/** Every eighth row is a writer's own. */
const mostWriters = 8;

/**
 * Starts one writer on each connection.
 *
 * The rows that each changes are logged as rows, so that the binlog alone, applied to a copy of the tables, gives
 * what the tables hold.
 */
export function startWriters(
  connections: readonly Connection[],
  rows: ReturnType<typeof rowCounts>,
): Writers {
  const stopping = new AbortController();
  let committed = 0;
  const write = async (connection: Connection, index: number): Promise<void> => {
    try {
      await connection.query("SET SESSION binlog_format = 'ROW', SESSION tx_isolation = 'READ-COMMITTED'");
      for (let number = 1; !stopping.signal.aborted; number += 1) {
        await transaction(connection, index + 1, number, rows);
        committed += 1;
        await sleep(pauseMs);
      }
    } finally {
      await connection.end();
    }
  };
  const running = Promise.allSettled(connections.map(write));
  return {
    committed: () => committed,
    stop: async () => {
      stopping.abort();
      const failed = (await running).find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };
}

async function transaction(
  connection: Connection,
  writer: number,
  number: number,
  rows: ReturnType<typeof rowCounts>,
): Promise<void> {
  // Aria knows no transactions: its rows are logged, and there, at once.
  if (number % 5 === 0) {
    await connection.query('INSERT INTO shop.journal (writer, entry) VALUES (?, ?)', [
      writer,
      `order ${number}`,
    ]);
    return;
  }
  // Two writers that took the same rows in another order would deadlock: each has customers and products of its own.
  const own = (count: number): number =>
    writer + mostWriters * ((number * 13) % Math.floor(count / mostWriters));
  await connection.beginTransaction();
  await connection.query('CALL shop.place_order(?, ?, ?)', [
    own(rows.customers),
    own(rows.products),
    1 + (number % 5),
  ]);
  if (number % 7 === 0)
    await connection.query("UPDATE shop.orders SET state = 'returned' WHERE customer_id = ? LIMIT 1", [
      own(rows.customers),
    ]);
  await (number % 11 === 0 ? connection.rollback() : connection.commit());
}
