/** Asks whether an agent is there: its queue first, then the agent itself. */
import { randomBytes } from 'node:crypto';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { TidemarkError } from '../domain/errors.ts';
import { agentTaskQueue, controlTaskQueue, workflowIds } from '../domain/ids.ts';
import { temporalError } from './temporal-errors.ts';

/** A poll lasts at most about a minute; one that began earlier has no worker behind it any more. Milliseconds. */
const pollMs = 75_000;
const queueMs = 2_000;
/** The workflow's own limit for the agent is 5 s; a control worker has to take it up before. */
const answerMs = 10_000;
/** On top of it, for Temporal itself. */
const takeUpMs = 3_000;
/** temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY */
const activityQueue = 2;

export interface Agents {
  /** Whether anybody polls the agent's queue. A killed agent is seen only when its last poll has run out. */
  polls(agentId: string): Promise<boolean>;
  /** Gets an answer from the agent. @throws agent_revoked, agent_unavailable, temporal_unavailable */
  ask(agent: { agentId: string; serviceId: string; lastSeenAt: string }): Promise<void>;
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

  /** @returns why there is no answer, or undefined when there was one */
  async function silence(agentId: string): Promise<string | undefined> {
    try {
      await client.connection.withDeadline(Date.now() + takeUpMs + answerMs, async () =>
        client.workflow.execute<(input: { agentId: string }) => Promise<unknown>>('pingAgent', {
          taskQueue: controlTaskQueue,
          workflowId: workflowIds.ping(agentId, randomBytes(8).toString('hex')),
          args: [{ agentId }],
          workflowExecutionTimeout: answerMs,
          staticSummary: `Is the agent ${agentId} there?`,
        }),
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw temporalError(error, address, namespace);
      return error.cause instanceof TimeoutFailure
        ? `no control worker took up the question within ${answerMs / 1000} s: see that one runs`
        : 'it asks for work, but did not answer within 5 s';
    }
  }

  return {
    polls,
    async ask({ agentId, serviceId, lastSeenAt }) {
      if (agentId === '') {
        throw new TidemarkError(
          'agent_revoked',
          `The agent of service "${serviceId}" was revoked. Enrol another one: POST /agents. Nothing was started.`,
        );
      }
      const reason = (await polls(agentId)) ? await silence(agentId) : 'it asks for no work';
      if (reason === undefined) return;
      throw new TidemarkError(
        'agent_unavailable',
        `The agent of service "${serviceId}" does not answer: ${reason}. It last announced itself at ${lastSeenAt}. ` +
          'Start the agent beside the server, or look into its log; then ask again. Nothing was started.',
      );
    },
  };
}
