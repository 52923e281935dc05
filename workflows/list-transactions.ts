/** Has an agent read transactions of the archive, which it can open: what `GET /services/{id}/transactions` answers. */
import { proxyActivities } from '@temporalio/workflow';
import type { HostControlActivities } from '../activities/host/contract.ts';
import type { TransactionPage, TransactionsOrder } from '../domain/archive/transactions.ts';
import { findingOf, failureOf, isUnknownActivity } from './failures.ts';
import { hostQuestion } from './profiles.ts';

/** @throws ApplicationFailure: `agent_outdated`, `agent_unavailable`, and whatever keeps the agent from reading them */
export async function listTransactions(input: {
  agentId: string;
  order: TransactionsOrder;
}): Promise<TransactionPage> {
  const { agentId, order } = input;
  try {
    const { readTransactions } = proxyActivities<HostControlActivities>(hostQuestion(agentId));
    return await readTransactions(order);
  } catch (error) {
    if (!isUnknownActivity(error)) throw failureOf(findingOf(error));
    throw failureOf({
      code: 'agent_outdated',
      message: `The agent of service "${order.serviceId}" is of a version that does not list transactions. Upgrade it.`,
    });
  }
}
