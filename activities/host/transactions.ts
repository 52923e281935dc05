/** Transactions of the archive: their names alone leave the host. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import type { TransactionPage, TransactionsOrder } from '../../domain/archive/transactions.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { identityFor } from '../../mariadb/restore/identity.ts';
import { listTransactions } from '../../mariadb/transactions/list.ts';
import { openArchive } from '../../storage/segments.ts';
import type { HostControlActivities } from './contract.ts';
import { type Host, operationFolder } from './host.ts';

/** A little less than the activity has. */
const longestMs = 18_000;

export function transactionActivities(host: Host): Pick<HostControlActivities, 'readTransactions'> {
  // One list at a time: each may hold some segments in memory. None waits here, where restores have their orders.
  let reading = false;
  return {
    readTransactions: async (order) => {
      if (reading) {
        throw new TidemarkError(
          'agent_busy',
          `The agent of service "${order.serviceId}" reads another list of transactions. Ask again in some seconds.`,
        );
      }
      reading = true;
      const late = AbortSignal.timeout(longestMs);
      try {
        return await read(host, order, AbortSignal.any([late, Context.current().cancellationSignal]));
      } catch (error) {
        if (!late.aborted) throw error;
        throw new TidemarkError(
          'storage_timeout',
          `The transactions could not be read from ${host.store.location} within ${longestMs / 1000} s.`,
          { cause: error },
        );
      } finally {
        reading = false;
      }
    },
  };
}

async function read(host: Host, order: TransactionsOrder, signal: AbortSignal): Promise<TransactionPage> {
  signal.throwIfAborted();
  const { settings, log, store } = host;
  const { server, restore, state_directory: stateDirectory } = settings;
  const folder = operationFolder(stateDirectory, `transactions-${randomBytes(8).toString('hex')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const attempt = { folder, signal, log, report: () => undefined };
    return await listTransactions(order, {
      server,
      archive: openArchive(store, order.serviceId),
      identityFor: async (recipients) => await identityFor(restore, recipients, attempt),
      attempt,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
