/** GET /services/{id}/transactions: what the archived binlogs hold between two instants. */
import { findService } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { serviceId, transactions, transactionsQuery } from '../schemas/history.ts';

export const listTransactions = operation({
  name: 'listTransactions',
  method: 'get',
  path: '/services/{id}/transactions',
  summary: 'List archived transactions',
  description:
    'What the archived binlogs hold between two instants: GTID, time, tables, kind and size. Not available yet.',
  role: 'viewer',
  params: serviceId,
  query: transactionsQuery,
  answer: transactions,
  errors: ['service_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findService(catalog, id, organization);
    throw notAvailable(
      'Listing transactions is not available yet.',
      'Read the binlogs of the server itself.',
    );
  },
});
