/** Hands orders to Temporal. What is to be done was written into the catalog before, so that no order is lost. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Catalog, RestoreRecord } from '../catalog/types.ts';
import { messageOf } from '../domain/errors.ts';
import type { ProofInput } from '../domain/proofs/types.ts';
import { controlTaskQueue, workflowIds } from '../domain/ids.ts';
import type {
  BackupInput,
  OperationTimings,
  RestoreInput,
  UndoInput,
  VerificationInput,
} from '../domain/operations.ts';
import { settleDrill } from '../temporal/drills.ts';
import type { RestorePlanReport } from '../domain/restore-plan.ts';
import { settleSchedule } from '../temporal/schedules.ts';
import {
  startBackup,
  startProof,
  startRemovals,
  startRestore,
  startUndo,
  startVerification,
} from '../temporal/start.ts';
import { type Agents, agentsThrough } from './agents.ts';
import type { ApiLog } from './context.ts';
import { planThrough } from './restore-plans.ts';
import { mayPass, temporalError } from './temporal-errors.ts';
import { type UndoQuestions, undoQuestionsThrough } from './undo-questions.ts';

/** How long a call that answers a client may take. Milliseconds. */
const callMs = 5_000;
const reachMs = 2_000;

export interface Orders extends Agents, UndoQuestions {
  readonly timings: OperationTimings;
  /** Asked before an order is written down. @throws temporal_unavailable */
  ensureReachable(): Promise<void>;
  /** Starts what was written down; when Temporal went away since, the reconciler does it. */
  backup(input: BackupInput): Promise<void>;
  restore(input: RestoreInput): Promise<void>;
  undo(input: UndoInput): Promise<void>;
  /**
   * What a restore would do.
   *
   * @throws what stands in its way; agent_unavailable, temporal_unavailable
   */
  planRestore(input: RestoreInput): Promise<RestorePlanReport>;
  verification(input: VerificationInput): Promise<void>;
  proof(workflowId: string, input: ProofInput): Promise<void>;
  /** Asks a workflow to stop. One that never began, or has ended, gives its place up here. @throws temporal_unavailable */
  cancel(workflowId: string): Promise<void>;
  /** The same of a restore; the row of one that never began is ended here. @throws temporal_unavailable */
  cancelRestore(restore: Pick<RestoreRecord, 'id' | 'workflowId' | 'status'>): Promise<void>;
  /**
   * Has what a revoked agent does called off, and the agent told. Without Temporal this is done when the agent is heard
   * of next: no new order reaches it in any case.
   */
  dismiss(agentId: string): Promise<void>;
  /** Has what has left the catalog removed; when Temporal is away, the reconciler does it. */
  removals(): Promise<void>;
  /** Over how long the runs of schedules are spread. */
  readonly scheduleSpreadMs: number;
  /** Brings a schedule in Temporal to what was written down; when Temporal went away since, the reconciler does it. */
  schedule(id: number): Promise<void>;
  /** The same with the drill of a service. */
  drill(serviceId: string): Promise<void>;
}

export function ordersThrough(
  client: Client,
  options: {
    address: string;
    timings: OperationTimings;
    scheduleSpreadMs: number;
    catalog: Catalog;
    log: ApiLog;
  },
): Orders {
  const { address, catalog, log } = options;
  const { namespace } = client.options;

  /** @param fail records an order that Temporal refuses as it is: trying again would not help */
  async function start(
    workflowId: string,
    call: () => Promise<void>,
    fail: (message: string) => Promise<boolean>,
  ): Promise<void> {
    try {
      await client.connection.withDeadline(Date.now() + callMs, call);
    } catch (error) {
      if (mayPass(error)) {
        log.warn({ workflow_id: workflowId, err: error }, 'left to the reconciler: Temporal went away');
        return;
      }
      await fail(`Temporal refused to start it: ${messageOf(error)}`);
      await catalog.releasePlace(workflowId);
      throw error;
    }
  }

  /** What was written down stands, and is what will be; where Temporal is away it only is not so yet. */
  async function settle(fields: object, call: () => Promise<void>): Promise<void> {
    try {
      await client.connection.withDeadline(Date.now() + callMs, call);
    } catch (error) {
      if (temporalError(error, address, namespace) === error) throw error;
      log.warn({ ...fields, err: error }, 'left to the reconciler: Temporal did not take the schedule');
    }
  }

  return {
    ...agentsThrough(client, address),
    ...undoQuestionsThrough(client, address),
    timings: options.timings,
    scheduleSpreadMs: options.scheduleSpreadMs,
    async schedule(id) {
      await settle({ schedule: id }, async () => settleSchedule(client, catalog, id));
    },
    async drill(serviceId) {
      await settle({ drill: serviceId }, async () =>
        settleDrill(client, catalog, serviceId, options.timings),
      );
    },
    async ensureReachable() {
      try {
        await client.connection.withDeadline(Date.now() + reachMs, async () =>
          client.workflowService.describeNamespace({ namespace }),
        );
      } catch (error) {
        throw temporalError(error, address, namespace);
      }
    },
    async cancel(workflowId) {
      try {
        await client.connection.withDeadline(Date.now() + callMs, async () =>
          client.workflow.getHandle(workflowId).cancel(),
        );
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw temporalError(error, address, namespace);
        await catalog.releasePlace(workflowId);
      }
    },
    async cancelRestore({ id, workflowId, status }) {
      try {
        await client.connection.withDeadline(Date.now() + callMs, async () =>
          client.workflow.getHandle(workflowId).cancel(),
        );
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw temporalError(error, address, namespace);
        // One that runs by its row was ended from outside: the reconciler puts its server back.
        if (status !== 'Scheduled') return;
        const message = 'The operation was cancelled before it began.';
        // Should it begin in this very moment, it does not go on from a row that says so.
        await catalog.updateRestore(id, {
          status: 'Cancelled',
          finishedAt: new Date().toISOString(),
          message,
        });
        await catalog.releasePlace(workflowId);
      }
    },
    async dismiss(agentId) {
      try {
        await client.connection.withDeadline(Date.now() + callMs, async () =>
          client.workflow.signalWithStart('agent', {
            taskQueue: controlTaskQueue,
            workflowId: workflowIds.agent(agentId),
            signal: 'dismiss',
            signalArgs: [{ agentId }],
          }),
        );
      } catch (error) {
        log.warn(
          { agent_id: agentId, err: error },
          'the revoked agent is told when it announces itself next',
        );
      }
    },
    async removals() {
      try {
        await client.connection.withDeadline(Date.now() + callMs, async () => startRemovals(client, true));
      } catch (error) {
        log.warn({ err: error }, 'left to the reconciler: Temporal did not take the removal');
      }
    },
    async backup(input) {
      await start(
        workflowIds.backup(input.backupId, input.scheduleId),
        async () => startBackup(client, input),
        async (message) => catalog.updateBackup(input.backupId, { status: 'Failed', message }),
      );
    },
    async restore(input) {
      await start(
        input.workflowId,
        async () => startRestore(client, input),
        async (message) => catalog.updateRestore(input.restoreId, { status: 'Failed', message }),
      );
    },
    async undo(input) {
      const { restoreId, workflowId } = input;
      await start(
        workflowId,
        async () => startUndo(client, input),
        async (message) => catalog.updateUndo(restoreId, workflowId, { status: 'Failed', message }),
      );
    },
    planRestore: (input) => planThrough(client, address, input),
    async verification(input) {
      await start(
        input.workflowId,
        async () => startVerification(client, input),
        async (message) => catalog.updateVerification(input.workflowId, { status: 'Failed', message }),
      );
    },
    async proof(workflowId, input) {
      await start(
        workflowId,
        async () => startProof(client, workflowId, input),
        async (message) => catalog.updateProof(workflowId, { status: 'Failed', message }),
      );
    },
  };
}
