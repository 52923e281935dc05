/** Asks the agent of a service whether a restore can be undone. */
import { randomBytes } from 'node:crypto';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isErrorName, TidemarkError } from '../domain/errors.ts';
import { controlTaskQueue, workflowIds } from '../domain/ids.ts';
import type { UndoInspection } from '../domain/undo.ts';
import { temporalError } from './temporal-errors.ts';

/** The workflow's own limits for the agent are 5 s to take the question up and 20 s to answer. */
const answerMs = 30_000;
/** On top of it, for Temporal itself. */
const takeUpMs = 3_000;

export interface UndoQuestion {
  restoreId: number;
  /** The restore's. */
  workflowId: string;
}

export interface UndoQuestions {
  /** @throws undo_refused, previous_gone; agent_unavailable, agent_outdated, temporal_unavailable */
  inspectUndo(agent: { agentId: string }, question: UndoQuestion): Promise<UndoInspection>;
}

export function undoQuestionsThrough(client: Client, address: string): UndoQuestions {
  const { namespace } = client.options;
  return {
    async inspectUndo({ agentId }, question) {
      const { restoreId } = question;
      try {
        return await client.connection.withDeadline(Date.now() + takeUpMs + answerMs, async () =>
          client.workflow.execute<(input: UndoQuestion & { agentId: string }) => Promise<UndoInspection>>(
            'inspectUndo',
            {
              taskQueue: controlTaskQueue,
              workflowId: workflowIds.inspectUndo(restoreId, randomBytes(8).toString('hex')),
              args: [{ ...question, agentId }],
              workflowExecutionTimeout: answerMs,
              staticSummary: `Can restore ${restoreId} be undone?`,
            },
          ),
        );
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw temporalError(error, address, namespace);
        throw refusalOf(error);
      }
    },
  };
}

function refusalOf({ cause }: WorkflowFailedError): TidemarkError {
  if (cause instanceof ApplicationFailure && isErrorName(cause.type))
    return new TidemarkError(cause.type, cause.message);
  const reason =
    cause instanceof TimeoutFailure
      ? `No control worker took up the question within ${answerMs / 1000} s: see that one runs.`
      : 'The question whether the restore can be undone was not answered. Ask again.';
  return new TidemarkError('agent_unavailable', reason);
}
