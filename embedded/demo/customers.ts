/** Customers of the shop, who note which of their orders were confirmed, and when. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../mariadb/server/sql.ts';

export interface Order {
  id: number;
  /** Microseconds since 1970, by the server's clock: before it was asked for, and after it was confirmed. */
  begun: number;
  confirmed: number;
}

export interface Customers {
  /** So far. */
  orders(): readonly Order[];
  /** Resolves once there is nothing to order from any more. @throws what else kept one from ordering */
  ended: Promise<void>;
}

/** MariaDB's number for a table that does not exist. */
const noSuchTable = 1146;
const pauseMs = 2;

/** One on each connection, which places one order after the other until the table is gone. */
export function startCustomers(connections: readonly Connection[]): Customers {
  const orders: Order[] = [];
  const order = async (connection: Connection): Promise<void> => {
    try {
      await connection.query("SET SESSION binlog_format = 'ROW'");
      for (;;) {
        await sleep(pauseMs);
        const begun = await now(connection);
        const { insertId } = await connection.query<{ insertId: number | bigint }>(
          "INSERT INTO shop.orders (customer_id, state, placed_at) VALUES (1, 'placed', NOW(6))",
        );
        orders.push({ id: Number(insertId), begun, confirmed: await now(connection) });
      }
    } catch (error) {
      if ((error as { errno?: number }).errno !== noSuchTable) throw error;
    } finally {
      await connection.end();
    }
  };
  const ended = Promise.all(connections.map(order)).then(() => undefined);
  // Told to whoever waits for it.
  ended.catch(() => undefined);
  return { orders: () => orders, ended };
}

async function now(connection: Connection): Promise<number> {
  const [row] = await connection.query<{ now: number | string }[]>(
    'SELECT UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS now',
  );
  return Math.round(Number(row?.now));
}
