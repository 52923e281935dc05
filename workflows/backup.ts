/** The runbook of a backup: wait for our turn, reach the agent and its server, choose what it builds on, copy, confirm, record. */
import {
  CancellationScope,
  log,
  ParentClosePolicy,
  patched,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { requireHeeding } from '../domain/encryption.ts';
import { workflowIds } from '../domain/ids.ts';
import type { BackupCleanupInput, BackupInput, SealedBucket } from '../domain/operations.ts';
import { type BackupPhase, endOf } from '../domain/progress.ts';
import type { BackupSummary } from '../domain/manifest.ts';
import type { FoundAgent } from '../activities/control/contract.ts';
import type { HostBackupInput } from '../activities/host/contract.ts';
import { type AbsentServer, absentServer, serverWork } from './absent-server.ts';
import { agentProxies, type ControlPlane, controlPlaneOf, reachAgent, type ReachedAgent } from './agents.ts';
import { shipBinlog } from './binarylog.ts';
import { agreeOnBucket } from './buckets.ts';
import { chainBroken, findBase, type Footing, takeFullInstead } from './chain.ts';
import { type Dismissal, heedDismissal } from './dismissal.ts';
import { type Ending, endingOf, failureOf, findingOf } from './failures.ts';
import { beginNarrative, type Narrative } from './narrative.ts';
import { heedRestores, type Yielding } from './yielding.ts';

interface BackupRun {
  input: BackupInput;
  plane: ControlPlane;
  story: Narrative<BackupPhase>;
  dismissal: Dismissal;
  yielding: Yielding;
  /** Left out by a backup that began under a version that did not ask before it copied: it ends that way. */
  absent?: AbsentServer;
  /** Says that it runs while it runs. A backup that began under a version that said so before ends that way. */
  goesBeside: boolean;
  /** Known once it has been reached. */
  agent?: ReachedAgent;
  /** Of a backup that goes to a customer's: known once the agent has tried it. */
  bucket?: SealedBucket;
  /** What it builds on, or is not to. */
  footing: Footing;
}

/** @throws ApplicationFailure whose type is the stable name of what went wrong */
export async function backup(input: BackupInput): Promise<BackupSummary> {
  const run = setUp(input);
  try {
    const summary = await take(run);
    await confirm(run, summary);
    return summary;
  } catch (error) {
    return await settle(run, run.yielding.explain(run.dismissal.explain(endingOf(error))));
  } finally {
    await CancellationScope.nonCancellable(() =>
      run.plane.control.releasePlace({ workflowId: workflowInfo().workflowId }),
    );
  }
}

function setUp(input: BackupInput): BackupRun {
  return {
    input,
    footing: { insteadOf: input.reason === undefined ? [] : [input.reason], repeats: false },
    dismissal: heedDismissal(),
    yielding: heedRestores(),
    plane: controlPlaneOf(input.timings),
    goesBeside: patched('goes-beside'),
    ...(patched('asks-server') && { absent: absentServer(input.timings) }),
    story: beginNarrative<BackupPhase>('waiting', 'Waiting for its turn.', [
      `**${input.type} backup** \`${input.backupId}\` of service **${input.serviceId}**`,
    ]),
  };
}

/** @throws what stands in the way; database_unreachable once the server was waited for */
async function take(run: BackupRun): Promise<BackupSummary> {
  for (;;) {
    try {
      return await takeNow(run);
    } catch (error) {
      if (!run.absent) throw error;
      await waitForServer(run, run.absent.waitFor(error));
    }
  }
}

async function takeNow(run: BackupRun): Promise<BackupSummary> {
  const { input, absent } = run;
  if (input.type === 'binarylog') return await shipBinlog(run, () => reachObedient(run));
  const agent = await reach(run, await takeTurn(run));
  requireObedience(run, agent);
  const work = absent && serverWork(agent, input.timings);
  await work?.meet();
  absent?.answered();
  if (input.external) await tryBucket(run, agent);
  if (input.type === 'incremental') await findBase(run);
  const copy = (): Promise<BackupSummary> => (work ?? agent.bulk).takeBackup(orderOf(run, agent));
  return await beginCopy(run, copy).catch(async (error: unknown) => {
    await takeFullInstead(run, chainBroken(error));
    return await copy();
  });
}

/** That it goes on is said beside it: saying it costs no time. */
async function beginCopy(run: BackupRun, copy: () => Promise<BackupSummary>): Promise<BackupSummary> {
  if (!run.goesBeside) {
    await markRunning(run);
    run.absent?.copying();
    return await copy();
  }
  run.absent?.copying();
  const [copied, told] = await Promise.allSettled([copy(), markRunning(run)]);
  if (copied.status === 'rejected') throw copied.reason as Error;
  if (told.status === 'rejected') throw told.reason as Error;
  return copied.value;
}

/** Meanwhile the service is free: a restore may be what brings the server back. */
async function waitForServer(
  { input, plane, story }: BackupRun,
  { message, pauseMs }: { message: string; pauseMs: number },
): Promise<void> {
  story.tell('waiting', message, 'Scheduled');
  await plane.control.updateBackup({
    backupId: input.backupId,
    status: 'Scheduled',
    message,
    progress: story.now.progress,
  });
  await plane.control.releasePlace({ workflowId: workflowInfo().workflowId });
  await sleep(pauseMs);
}

/** @returns the agent, where the control worker says who it is */
async function takeTurn({ input, plane }: BackupRun): Promise<FoundAgent | undefined> {
  return await plane.waiting.takePlace({
    serviceId: input.serviceId,
    workflowId: workflowInfo().workflowId,
    operation: `backup ${input.backupId}`,
    backupId: input.backupId,
    findsAgent: true,
  });
}

async function reach(run: BackupRun, first?: FoundAgent): Promise<ReachedAgent> {
  const { input, plane, story } = run;
  const tell = async (message: string): Promise<void> => {
    story.tell('waiting', message, 'Scheduled');
    await plane.control.updateBackup({ backupId: input.backupId, message });
  };
  run.agent = await reachAgent(plane, input.serviceId, input.timings, tell, first);
  return run.agent;
}

async function reachObedient(run: BackupRun): Promise<ReachedAgent> {
  const agent = await reach(run);
  requireObedience(run, agent);
  return agent;
}

/** Found out afterwards, it would be too late: what is stored in the clear may have been read. */
function requireObedience({ input }: BackupRun, { encryption, heedsEncryption = true }: ReachedAgent): void {
  if (encryption) requireHeeding(encryption, heedsEncryption, input.serviceId);
}

/** Before anything is copied: what is wrong with the bucket is the backup's reason, and its schedule's message. */
async function tryBucket(run: BackupRun, agent: ReachedAgent): Promise<void> {
  const { input, plane, story } = run;
  const { backupId } = input;
  const message = 'The bucket is being tried.';
  story.tell('waiting', message, 'Scheduled');
  await plane.control.updateBackup({ backupId, message });
  run.bucket = await agreeOnBucket(plane, agent, { backupId, purpose: 'backup' });
}

async function markRunning({ input, plane, story, footing }: BackupRun): Promise<void> {
  const message = ['The server is being copied.', ...footing.insteadOf].join(' ');
  story.tell('copying', message);
  await plane.control.updateBackup({
    backupId: input.backupId,
    status: 'Running',
    message,
    progress: story.now.progress,
  });
}

function orderOf({ input, bucket, footing }: BackupRun, agent: ReachedAgent): HostBackupInput {
  const { workflowId } = workflowInfo();
  return {
    backupId: input.backupId,
    serviceId: input.serviceId,
    workflowId,
    deploymentId: agent.deploymentId,
    ...(agent.encryption && { encryption: agent.encryption }),
    ...(bucket && { bucket }),
    ...(footing.base && { base: footing.base }),
    ...(input.type === 'dump' && { dump: agent.dump ?? { include: [], exclude: [] } }),
  };
}

/** The manifest exists, so the backup does: from here on nothing calls it off. */
async function confirm(
  { input, plane, story, agent, footing }: BackupRun,
  summary: BackupSummary,
): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    story.tell('recording', 'The copy is complete and is being recorded.');
    const message = ['Backup has succeeded.', ...footing.insteadOf, ...summary.warnings].join(' ');
    const progress = endOf('done', summary.uncompressedBytes);
    const confirmed = await plane.reading(input.external).confirmBackup({
      ...summary,
      ...(agent?.encryption && { encryption: agent.encryption }),
      // A customer's bucket is not read without limit, and what is known by then has to be written down without one.
      ...(!input.external && { ending: { message, progress } }),
    });
    story.succeed('done', message, summary.uncompressedBytes);
    if (confirmed?.ended) return;
    await plane.control.updateBackup({
      backupId: input.backupId,
      status: 'Succeeded',
      message,
      progress,
      summary,
    });
  });
}

/**
 * Leaves nothing half-done and says why. A backup whose manifest was written before things went wrong exists, and is
 * recorded as what it is; unless what is stored is not what its manifest says.
 *
 * @throws what the workflow fails with
 */
async function settle(run: BackupRun, ending: Ending): Promise<BackupSummary> {
  return await CancellationScope.nonCancellable(async () => {
    const { whole, note } = await tidyUp(run);
    if (!whole) return await giveUp(run, ending, note);
    try {
      await confirm(run, whole);
    } catch (error) {
      const finding = findingOf(error);
      return await giveUp(run, { ...finding, status: 'Failed', failure: failureOf(finding) }, note);
    }
    return whole;
  });
}

/** The row gets its end, and its reason. @throws what the workflow fails with */
async function giveUp(run: BackupRun, ending: Ending, note: string[]): Promise<never> {
  const { input, plane, story } = run;
  const { status, failure } = ending;
  const message = [ending.message, ...note].join(' ');
  story.tell(story.now.phase, message, status);
  if (!(await run.yielding.settle(plane, input.backupId, ending, note)))
    await plane.control.updateBackup({ backupId: input.backupId, status, message });
  throw failure;
}

/** A host that is away, or cannot reach its store, is tidied up later, by a workflow that waits for it. */
async function tidyUp(run: BackupRun): Promise<{ whole: BackupSummary | null; note: string[] }> {
  const { input, agent, bucket } = run;
  // Without a bucket that can be used nothing was begun; of binlogs there is nothing but what was shipped.
  if (!agent || input.type === 'binarylog' || (input.external && !bucket)) return { whole: null, note: [] };
  const order = orderOf(run, agent);
  try {
    return { whole: await agent.control.cleanUpBackup(order), note: [] };
  } catch {
    await startChild(backupCleanup, {
      args: [{ agentId: agent.agentId, order, timings: input.timings }],
      workflowId: workflowIds.cleanUp(workflowInfo().workflowId),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return { whole: null, note: ['What it left on its host is removed once the host can be reached.'] };
  }
}

/** Removes what a backup left on a host that could not be reached when it ended. */
export async function backupCleanup(input: BackupCleanupInput): Promise<void> {
  const { agentId, order, timings } = input;
  const { backupId } = order;
  const bucket = input.external
    ? await controlPlaneOf(timings).control.sealBucket({ backupId, agentId })
    : undefined;
  const whole = await agentProxies(agentId, timings).cleanup.cleanUpBackup({
    ...order,
    ...(bucket && { bucket }),
  });
  if (whole)
    log.warn('The backup is whole although it was given up; it is in the store, and not in the catalog.');
}
