/** The runbook of a backup: wait for our turn, reach the agent, copy, confirm, record. */
import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { BackupInput } from '../domain/operations.ts';
import type { BackupPhase } from '../domain/progress.ts';
import type { BackupSummary } from '../domain/manifest.ts';
import type { HostBackupInput } from '../activities/host/contract.ts';
import { type ControlPlane, controlPlaneOf, reachAgent, type ReachedAgent } from './agents.ts';
import { failureOf, findingOf } from './failures.ts';
import { beginNarrative, type Narrative } from './narrative.ts';

interface BackupRun {
  input: BackupInput;
  plane: ControlPlane;
  story: Narrative<BackupPhase>;
  /** Known once it has been reached. */
  agent?: ReachedAgent;
}

/** @throws ApplicationFailure whose type is the stable name of what went wrong */
export async function backup(input: BackupInput): Promise<BackupSummary> {
  const run = setUp(input);
  try {
    await takeTurn(run);
    const agent = await reach(run);
    await markRunning(run);
    const summary = await copy(run, agent);
    await confirm(run, summary);
    return summary;
  } catch (error) {
    throw await fail(run, error);
  } finally {
    await CancellationScope.nonCancellable(() =>
      run.plane.control.releasePlace({ workflowId: workflowInfo().workflowId }),
    );
  }
}

function setUp(input: BackupInput): BackupRun {
  return {
    input,
    plane: controlPlaneOf(input.timings),
    story: beginNarrative<BackupPhase>('waiting', 'Waiting for its turn.', [
      `**${input.type} backup** \`${input.backupId}\` of service **${input.serviceId}**`,
    ]),
  };
}

async function takeTurn({ input, plane }: BackupRun): Promise<void> {
  await plane.waiting.takePlace({
    serviceId: input.serviceId,
    workflowId: workflowInfo().workflowId,
    operation: `backup ${input.backupId}`,
    backupId: input.backupId,
  });
}

async function reach(run: BackupRun): Promise<ReachedAgent> {
  const { input, plane, story } = run;
  const tell = async (message: string): Promise<void> => {
    story.tell('waiting', message, 'Scheduled');
    await plane.control.updateBackup({ backupId: input.backupId, message });
  };
  run.agent = await reachAgent(plane, input.serviceId, input.timings, tell);
  return run.agent;
}

async function markRunning({ input, plane, story }: BackupRun): Promise<void> {
  const message = 'The server is being copied.';
  story.tell('copying', message);
  await plane.control.updateBackup({
    backupId: input.backupId,
    status: 'Running',
    message,
    progress: story.now.progress,
  });
}

function orderOf(input: BackupInput, agent: ReachedAgent): HostBackupInput {
  const { workflowId } = workflowInfo();
  return {
    backupId: input.backupId,
    serviceId: input.serviceId,
    workflowId,
    deploymentId: agent.deploymentId,
  };
}

async function copy({ input }: BackupRun, agent: ReachedAgent): Promise<BackupSummary> {
  return await agent.bulk.takeBackup(orderOf(input, agent));
}

/** The manifest exists, so the backup does: from here on nothing calls it off. */
async function confirm({ input, plane, story }: BackupRun, summary: BackupSummary): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    story.tell('recording', 'The copy is complete and is being recorded.');
    await plane.control.confirmBackup(summary);
    const message = ['Backup has succeeded.', ...summary.warnings].join(' ');
    story.tell('done', message, 'Succeeded');
    await plane.control.updateBackup({
      backupId: input.backupId,
      status: 'Succeeded',
      message,
      progress: story.now.progress,
      summary,
    });
  });
}

/** Leaves nothing half-done, says why, and answers what the workflow fails with. */
async function fail({ input, plane, story, agent }: BackupRun, error: unknown): Promise<Error> {
  const finding = findingOf(error);
  const cancelled = finding.code === 'operation_cancelled';
  const status = cancelled ? 'Cancelled' : 'Failed';
  await CancellationScope.nonCancellable(async () => {
    story.tell(story.now.phase, finding.message, status);
    if (agent) await tidyUp(agent, orderOf(input, agent));
    await plane.control.updateBackup({ backupId: input.backupId, status, message: finding.message });
  });
  return cancelled && error instanceof Error ? error : failureOf(finding);
}

/** An agent that is away cleans up by itself when it comes back, so the failure does not wait for it. */
async function tidyUp(agent: ReachedAgent, order: HostBackupInput): Promise<void> {
  try {
    await agent.control.cleanUpBackup(order);
  } catch (error) {
    if (findingOf(error).code !== 'agent_unavailable') throw error;
  }
}
