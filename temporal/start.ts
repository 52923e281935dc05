/**
 * How the workflows are started: one place, so that the api and the reconciler, which starts what the api could
 * not, do it alike. Starting one that was started already is no error.
 */
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { TypedSearchAttributes } from '@temporalio/common';
import { controlTaskQueue, workflowIds } from '../domain/ids.ts';
import type { FollowInput } from '../domain/archive/following.ts';
import type {
  BackupCleanupInput,
  BackupInput,
  CopyInput,
  RestoreInput,
  UndoInput,
  VerificationInput,
} from '../domain/operations.ts';
import type { ProofInput } from '../domain/proofs/types.ts';
import { searchAttributes } from './attributes.ts';

export async function startBackup(client: Client, input: BackupInput): Promise<void> {
  await startOnce(client, 'backup', workflowIds.backup(input.backupId, input.scheduleId), input, {
    summary: `${input.type} backup of ${input.serviceId}`,
    attributes: searchAttributes({
      serviceId: input.serviceId,
      operation: 'backup',
      backupType: input.type,
    }),
  });
}

export async function startRestore(client: Client, input: RestoreInput): Promise<void> {
  await startOnce(client, 'restore', input.workflowId, input, {
    summary: `restore of ${input.serviceId} from ${input.backupId}, ${input.mode}`,
    attributes: searchAttributes({ serviceId: input.serviceId, operation: 'restore' }),
  });
}

export async function startUndo(client: Client, input: UndoInput): Promise<void> {
  await startOnce(client, 'undo', input.workflowId, input, {
    summary: `undo of restore ${input.restoreId} of ${input.serviceId}`,
    attributes: searchAttributes({ serviceId: input.serviceId, operation: 'undo' }),
  });
}

export async function startVerification(client: Client, input: VerificationInput): Promise<void> {
  await startOnce(client, 'verification', input.workflowId, input, {
    summary: `verification of ${input.backupId}`,
    attributes: searchAttributes({ serviceId: input.serviceId, operation: 'verification' }),
  });
}

export async function startProof(client: Client, workflowId: string, input: ProofInput): Promise<void> {
  const { serviceId } = input;
  await startOnce(client, 'proof', workflowId, input, {
    summary: `proof of ${serviceId}`,
    attributes: searchAttributes({ serviceId, operation: 'proof' }),
  });
}

/** One that has ended is begun anew: it goes on where it was. */
export async function startCopy(client: Client, input: CopyInput): Promise<void> {
  await startOnce(client, 'copy', workflowIds.copy(input.backupId), input, {
    summary: `copy of ${input.backupId}`,
    attributes: searchAttributes({ serviceId: input.serviceId, operation: 'copy' }),
    again: true,
  });
}

/** Begins the following of a service's binlog; where it goes on, it looks whether it still follows what it should. */
export async function wakeFollower(client: Client, input: FollowInput): Promise<void> {
  const { serviceId } = input;
  await client.workflow.signalWithStart('follow', {
    taskQueue: controlTaskQueue,
    workflowId: workflowIds.follow(serviceId),
    args: [input],
    signal: 'wake',
    typedSearchAttributes: searchAttributes({ serviceId, operation: 'follow' }),
    staticSummary: `binlog of ${serviceId}`,
  });
}

/** Removes what a backup left that was ended from outside. */
export async function startBackupCleanup(client: Client, input: BackupCleanupInput): Promise<void> {
  const { serviceId, workflowId } = input.order;
  await startOnce(client, 'backupCleanup', workflowIds.cleanUp(workflowId), input, {
    summary: `clean-up after a backup of ${serviceId}`,
    attributes: searchAttributes({ serviceId, operation: 'clean-up' }),
  });
}

/**
 * Removes what has left the catalog, until nothing of it is left. One that is under way does it.
 *
 * @param look at once, also where it waits for a store that was away
 */
export async function startRemovals(client: Client, look: boolean): Promise<void> {
  const options = {
    taskQueue: controlTaskQueue,
    workflowId: workflowIds.removals(),
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: 'Removes what is stored of deleted backups',
  } as const;
  if (look) await client.workflow.signalWithStart('removals', { ...options, signal: 'look', signalArgs: [] });
  else await client.workflow.start('removals', { ...options, workflowIdConflictPolicy: 'USE_EXISTING' });
}

/** Puts a server back whose restore was ended from outside. */
export async function startRestoreCleanup(client: Client, input: RestoreInput): Promise<void> {
  await startOnce(client, 'restoreCleanup', workflowIds.cleanUp(input.workflowId), input, {
    summary: `clean-up after restore ${input.restoreId} of ${input.serviceId}`,
    attributes: searchAttributes({ serviceId: input.serviceId, operation: 'clean-up' }),
  });
}

async function startOnce(
  client: Client,
  type: string,
  workflowId: string,
  input: unknown,
  shown: { summary: string; attributes: TypedSearchAttributes; again?: true },
): Promise<void> {
  try {
    await client.workflow.start(type, {
      taskQueue: controlTaskQueue,
      workflowId,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: shown.again ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
      typedSearchAttributes: shown.attributes,
      staticSummary: shown.summary,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
