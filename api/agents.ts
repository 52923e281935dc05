/** Asks whether an agent is there: its queue first, then the agent itself. */
import { randomBytes } from 'node:crypto';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import type { TransactionPage, TransactionsOrder } from '../domain/archive/transactions.ts';
import { isErrorName, TidemarkError } from '../domain/errors.ts';
import { agentTaskQueue, controlTaskQueue, workflowIds } from '../domain/ids.ts';
import { temporalError } from './temporal-errors.ts';

/** A poll lasts at most about a minute; one that began earlier has no worker behind it any more. Milliseconds. */
const pollMs = 75_000;
const queueMs = 2_000;
/** The workflow's own limit for the agent is 5 s; a control worker has to take it up before. */
const answerMs = 10_000;
/** The workflow's own limits for reading transactions are 5 s until the agent begins, and 20 s. */
const readMs = 28_000;
/** On top of it, for Temporal itself. */
const takeUpMs = 3_000;
/** temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY */
const activityQueue = 2;

export interface Agents {
  /** Whether anybody polls the agent's queue. A killed agent is seen only when its last poll has run out. */
  polls(agentId: string): Promise<boolean>;
  /** Gets an answer from the agent. @throws agent_revoked, agent_unavailable, temporal_unavailable */
  ask(agent: AskedAgent): Promise<void>;
  /** Has the agent read transactions of the archive. @throws as `ask` does, and what keeps the agent from it */
  transactions(agent: AskedAgent, order: TransactionsOrder): Promise<TransactionPage>;
}

interface AskedAgent {
  agentId: string;
  serviceId: string;
  lastSeenAt: string;
}

export function agentsThrough(client: Client, address: string): Agents {
  const { namespace } = client.options;

  async function polls(agentId: string): Promise<boolean> {
    try {
      const { pollers } = await client.connection.withDeadline(Date.now() + queueMs, async () =>
        client.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: agentTaskQueue(agentId, 'control') },
          taskQueueType: activityQueue,
        }),
      );
      return (pollers ?? []).some(({ lastAccessTime }) => {
        const seconds = Number(lastAccessTime?.seconds ?? 0);
        return Date.now() - seconds * 1000 < pollMs;
      });
    } catch (error) {
      throw temporalError(error, address, namespace);
    }
  }

  /** Runs a workflow that asks an agent. @throws WorkflowFailedError, and what becomes of an error of Temporal's own */
  async function run<I, T>(
    type: string,
    { workflowId, input, ms, summary }: { workflowId: string; input: I; ms: number; summary: string },
  ): Promise<T> {
    try {
      return await client.connection.withDeadline(Date.now() + takeUpMs + ms, async () =>
        client.workflow.execute<(input: I) => Promise<T>>(type, {
          taskQueue: controlTaskQueue,
          workflowId,
          // The types of the client ask for a tuple of what the workflow takes.
          args: [input] as never,
          workflowExecutionTimeout: ms,
          staticSummary: summary,
        }),
      );
    } catch (error) {
      throw error instanceof WorkflowFailedError ? error : temporalError(error, address, namespace);
    }
  }

  function noWorker(ms: number): string {
    return `no control worker took up the question within ${ms / 1000} s: see that one runs`;
  }

  /** @returns why there is no answer, or undefined when there was one */
  async function silence(agentId: string): Promise<string | undefined> {
    try {
      await run('pingAgent', {
        workflowId: workflowIds.ping(agentId, randomBytes(8).toString('hex')),
        input: { agentId },
        ms: answerMs,
        summary: `Is the agent ${agentId} there?`,
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      return error.cause instanceof TimeoutFailure
        ? noWorker(answerMs)
        : 'it asks for work, but did not answer within 5 s';
    }
  }

  function refuseRevoked({ agentId, serviceId }: AskedAgent): void {
    if (agentId !== '') return;
    throw new TidemarkError(
      'agent_revoked',
      `The agent of service "${serviceId}" was revoked. Enrol another one: POST /agents. Nothing was started.`,
    );
  }

  function unavailable({ serviceId, lastSeenAt }: AskedAgent, reason: string): TidemarkError {
    return new TidemarkError(
      'agent_unavailable',
      `The agent of service "${serviceId}" does not answer: ${reason}. It last announced itself at ${lastSeenAt}. ` +
        'Start the agent beside the server, or look into its log; then ask again. Nothing was started.',
    );
  }

  const noPoller = 'it asks for no work';

  return {
    polls,
    async ask(agent) {
      refuseRevoked(agent);
      const reason = (await polls(agent.agentId)) ? await silence(agent.agentId) : noPoller;
      if (reason !== undefined) throw unavailable(agent, reason);
    },
    async transactions(agent, order) {
      refuseRevoked(agent);
      const { agentId, serviceId } = agent;
      if (!(await polls(agentId))) throw unavailable(agent, noPoller);
      try {
        return await run<{ agentId: string; order: TransactionsOrder }, TransactionPage>('listTransactions', {
          workflowId: workflowIds.transactions(serviceId, randomBytes(8).toString('hex')),
          input: { agentId, order },
          ms: readMs,
          summary: `Transactions of the archive of ${serviceId}`,
        });
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        const { cause } = error;
        if (cause instanceof ApplicationFailure && isErrorName(cause.type)) {
          throw new TidemarkError(cause.type, cause.message, { cause });
        }
        throw unavailable(agent, noWorker(readMs));
      }
    },
  };
}
