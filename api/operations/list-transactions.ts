/** GET /services/{id}/transactions: what the archived binlogs hold between two instants. */
import type { TransactionPage } from '../../domain/archive/transactions.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { findService } from '../find.ts';
import { partsToList } from '../listed-parts.ts';
import { operation } from '../operation.ts';
import { serviceId } from '../schemas/history.ts';
import { transactions, transactionsQuery } from '../schemas/transactions.ts';
import { cursorOf, cursorText, transactionView } from '../views/transactions.ts';

export const listTransactions = operation({
  name: 'listTransactions',
  method: 'get',
  path: '/services/{id}/transactions',
  summary: 'List archived transactions',
  description:
    'What the archived binlogs hold between two instants, the oldest first: GTID, time, kind, tables and size of each transaction, and what it does, such as `DROP TABLE`; neither rows nor statements. So one finds the transaction that a restore has to stop before (`before_gtid`). The agent of the service reads it, which holds the age identity where the binlogs are encrypted. A page is as much as is read within some seconds: as long as there is a `next`, there is more.',
  role: 'viewer',
  params: serviceId,
  query: transactionsQuery,
  answer: transactions,
  errors: [
    'service_not_found',
    'agent_unavailable',
    'agent_revoked',
    'agent_outdated',
    'agent_busy',
    'identity_unavailable',
    'identity_command_failed',
    'binlog_damaged',
    'object_missing',
    'object_damaged',
    'storage_timeout',
    'storage_unavailable',
    'temporal_unavailable',
  ],
  async handle({ params: { id }, query, caller: { organization } }, { catalog, orders }) {
    const service = await findService(catalog, id, organization);
    const { from, to, table, timeline, page_size: limit, after } = query;
    const span = { from, to, timeline, after: after === undefined ? undefined : cursorOf(after) };
    const { serviceId } = service;
    const read = async (): Promise<TransactionPage> => {
      const { parts, more } = await partsToList(catalog, serviceId, span);
      if (parts.length === 0) return { transactions: [], ended: true };
      const filter = { ...(from && { from }), ...(to && { to }), ...(table && { table }), limit };
      const page = await orders.transactions(service, { serviceId, parts, ...filter });
      const next = page.ended ? undefined : (page.next ?? more);
      return { transactions: page.transactions, ended: page.ended, ...(next && { next }) };
    };
    const page = await read().catch((error: unknown) => {
      // Small segments are joined while they are read: then the catalog knows others by now.
      if (error instanceof TidemarkError && error.code === 'object_missing') return read();
      throw error;
    });
    return {
      transactions: page.transactions.map(transactionView),
      ...(page.next && { next: cursorText(page.next) }),
    };
  },
});
