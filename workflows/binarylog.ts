/**
 * The runbook of a binarylog backup: all that is in the server's binlog now is shipped by its follower, and a manifest
 * says from where to where. It takes no place: the server is not touched, and what has the service goes on.
 */
import { workflowInfo } from '@temporalio/workflow';
import type { BackupSummary } from '../domain/manifest.ts';
import type { BackupInput } from '../domain/operations.ts';
import type { BackupPhase } from '../domain/progress.ts';
import type { ControlPlane, ReachedAgent } from './agents.ts';
import type { Narrative } from './narrative.ts';

interface Run {
  input: BackupInput;
  plane: ControlPlane;
  story: Narrative<BackupPhase>;
}

/**
 * @param reach waits for the agent
 * @throws binlog_not_archived where nothing is archived of the service; archive_stalled where its follower cannot ship
 */
export async function shipBinlog(run: Run, reach: () => Promise<ReachedAgent>): Promise<BackupSummary> {
  const { input, plane } = run;
  const { backupId, serviceId } = input;
  const { workflowId } = workflowInfo();
  // It was asked for with the order, as of every backup.
  await plane.control.releasePlace({ workflowId });
  const begins = await plane.control.chooseRange({ backupId });
  const agent = await reach();
  await tellRunning(run);
  const reached = await agent.control.flushBinlog({ serviceId });
  // Whoever reads of the backup is to find in the catalog what it names.
  await plane.waiting.awaitArchived({ serviceId, reached });
  const { deploymentId, encryption } = agent;
  return await agent.control.writeBinlogManifest({
    backupId,
    serviceId,
    workflowId,
    deploymentId,
    ...(encryption && { encryption }),
    begins,
    reached,
  });
}

async function tellRunning({ input, plane, story }: Run): Promise<void> {
  const message = 'What is new in the binlog is being shipped.';
  story.tell('copying', message);
  await plane.control.updateBackup({
    backupId: input.backupId,
    status: 'Running',
    message,
    progress: story.now.progress,
  });
}
