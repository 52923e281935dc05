/** The demo's restores: to just before what should not have happened, undone, and done again to the second. */
import type { Restore, Transactions } from '../../client/answers.ts';
import { microInstant, microseconds } from '../../domain/archive/instants.ts';
import { rowsOf, type Connection } from '../../mariadb/server/sql.ts';
import type { StackService } from '../services.ts';
import type { Stack } from '../stack.ts';
import type { Order } from './customers.ts';
import { followed } from './follow.ts';
import type { Show } from './show.ts';

export interface Scene {
  stack: Stack;
  service: StackService;
  show: Show;
}

type Transaction = Transactions['transactions'][number];

/** Looks through what the archive has of the table. @param from where to begin, an instant */
export async function findDrop(
  { stack, service, show }: Scene,
  table: string,
  from: string,
): Promise<Transaction> {
  return await show.step(
    `Find the transaction that dropped ${table} in the archive`,
    async () => {
      for (let after: string | undefined; ;) {
        const query = { from, table, page_size: 1_000, ...(after !== undefined && { after }) };
        const { transactions, next } = await stack.client.transactions(service.service_id, query);
        const found = transactions.find(({ statements }) => statements.includes('DROP TABLE'));
        if (found) {
          show.call('GET', `/services/${service.service_id}/transactions`, query, found);
          return found;
        }
        if (next === undefined) throw new Error(`The archive has no transaction that drops ${table}.`);
        after = next;
      }
    },
    ({ gtid, time }) => `transaction ${gtid}, written by ${time}`,
  );
}

/**
 * @param from a backup to begin with, or the service: then the quickest is chosen
 * @param point where to, as `POST /restores` takes it
 */
export async function restoreTo(
  { stack, service, show }: Scene,
  title: string,
  from: string,
  point: { before_gtid: string } | { point_in_time: string },
): Promise<Restore> {
  return await show.step(
    title,
    async () => {
      const { service_id: target } = service;
      const order = await stack.client.orderRestore(from, target, point);
      show.call('POST', '/restores', { id: from, service_id: target, ...point }, order);
      return await followed(() => stack.client.restore(order.id), show);
    },
    ({ status, message }) => `${status}: ${message}`,
  );
}

export async function undo({ stack, show }: Scene, { id }: Restore): Promise<void> {
  await show.step(
    'Undo the restore: what it replaced is still there',
    async () => {
      const order = await stack.client.undoRestore(id);
      show.call('POST', `/restores/${id}/undo`, {}, order.undo ?? order);
      return await followed(async () => {
        const { undo: undone } = await stack.client.restore(id);
        if (!undone) throw new Error(`Nothing is known of an undo of restore ${id}.`);
        return undone;
      }, show);
    },
    ({ status, message }) => `${status}: ${message}`,
  );
}

/** @returns the last whole second before an instant. @param at microseconds */
export function secondBefore(at: number): number {
  return Math.floor(at / 1_000_000) * 1_000_000;
}

/** `2024-03-26 17:18:57` */
export function wallClock(at: number): string {
  return microInstant(at).slice(0, 19).replace('T', ' ');
}

/**
 * Holds the orders that are there against those that customers know of.
 *
 * @param order what customers know of, and `time`: to when the server was brought back, microseconds; left out: to the
 *   moment at which all of them had been confirmed
 * @returns what is wrong, a line each
 */
export async function compareOrders(
  connection: Connection,
  show: Show,
  { orders, restored, time = Infinity }: { orders: readonly Order[]; restored: Restore; time?: number },
): Promise<string[]> {
  return await show.step(
    'Compare the orders with what customers were confirmed',
    async () => {
      const rows = await rowsOf<{ id: number | bigint }>(connection, 'SELECT id FROM shop.orders');
      const there = new Set(rows.map(({ id }) => Number(id)));
      const notAfter = restored.reached?.['not_after'];
      const latest = typeof notAfter === 'string' ? microseconds(notAfter) : Infinity;
      const missing = orders.filter(({ id, confirmed }) => confirmed <= time && !there.has(id));
      const beyond = orders.filter(({ id, begun }) => begun > latest && there.has(id));
      show.line(
        `${orders.filter(({ confirmed }) => confirmed <= time).length} orders had been confirmed by then`,
      );
      if (time < Infinity) {
        show.line(
          `${orders.filter(({ begun }) => begun > latest).length} were placed after ${String(notAfter)}`,
        );
      }
      return [
        ...missing.map(({ id }) => `order ${id}: confirmed, and missing`),
        ...beyond.map(({ id }) => `order ${id}: placed later, and there`),
      ];
    },
    (findings) =>
      findings.length === 0
        ? 'every one of the former is there, and none of the latter'
        : `${findings.length} differ`,
  );
}
