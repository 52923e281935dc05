/**
 * The runbook of an undo: the data that a restore replaced goes back to where it was. The server serves until the swap
 * and again within seconds; what the restore had put there goes.
 */
import { CancellationScope, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { HostControlActivities, HostUndoInput, UndoReport } from '../activities/host/contract.ts';
import { replicasLeft } from '../domain/after-restore.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { UndoInput } from '../domain/operations.ts';
import type { UndoPhase } from '../domain/progress.ts';
import { fateSentence, refuseWritten, type UndoInspection } from '../domain/undo.ts';
import { type Agent, agentProxies, type ControlPlane, controlPlaneOf } from './agents.ts';
import { type Dismissal, heedDismissal } from './dismissal.ts';
import { endingOf, failureOf, findingOf, isUnknownActivity } from './failures.ts';
import { beginNarrative, type Narrative } from './narrative.ts';
import { hostQuestion } from './profiles.ts';

interface UndoRun {
  input: UndoInput;
  order: HostUndoInput;
  plane: ControlPlane;
  story: Narrative<UndoPhase>;
  dismissal: Dismissal;
  /** The order to swap was given. */
  swapping: boolean;
}

/** @throws ApplicationFailure whose type is the stable name of what went wrong */
export async function undo(input: UndoInput): Promise<UndoReport> {
  const run = setUp(input);
  try {
    await takePlace(run);
    const agent = await requireUndoable(run);
    const report = await swapBack(run, agent);
    await succeed(run, report);
    return report;
  } catch (error) {
    const ending = run.dismissal.explain(endingOf(error));
    // What ends a swap but an agent that is given up, its host has refused before anything was moved.
    const unknown = run.swapping && ending.code === 'agent_revoked';
    const told = unknown ? ending.message : `${ending.message} The server has the restored data.`;
    await CancellationScope.nonCancellable(() => end(run, ending.status, told));
    throw ending.failure;
  } finally {
    await CancellationScope.nonCancellable(() =>
      run.plane.control.releasePlace({ workflowId: workflowInfo().workflowId }),
    );
  }
}

/** Whether a restore can be undone: what `POST /restores/{id}/undo` asks before it accepts an order. */
export async function inspectUndo(input: HostUndoInput & { agentId: string }): Promise<UndoInspection> {
  const { agentId, ...order } = input;
  try {
    return await proxyActivities<HostControlActivities>(hostQuestion(agentId)).inspectUndo(order);
  } catch (error) {
    throw failureOf(isUnknownActivity(error) ? outdated(agentId) : findingOf(error));
  }
}

function setUp(input: UndoInput): UndoRun {
  const { restoreId, restoreWorkflowId: workflowId, serviceId } = input;
  return {
    input,
    order: { restoreId, workflowId },
    plane: controlPlaneOf(input.timings),
    story: beginNarrative<UndoPhase>('waiting', 'The undo is scheduled.', [
      `**undo** of restore ${restoreId} of service **${serviceId}**`,
    ]),
    dismissal: heedDismissal(),
    swapping: false,
  };
}

/** The api took it when the undo was ordered; else a backup has it that is called off for this. */
async function takePlace({ input, plane }: UndoRun): Promise<void> {
  const { serviceId, restoreId, workflowId } = input;
  const operation = `undo of restore ${restoreId}`;
  await plane.waiting.takePlace({ serviceId, workflowId, operation, restoreId, undo: true });
}

async function requireUndoable(run: UndoRun): Promise<Agent> {
  const { input, order, plane } = run;
  await tell(run, 'planning', 'It is looked whether the restore can be undone.');
  const { agentId } = await plane.control.findAgent({ serviceId: input.serviceId });
  const agent = agentProxies(agentId, input.timings);
  try {
    const { since } = await agent.control.inspectUndo(order);
    if (!input.force) refuseWritten(input.restoreId, since);
  } catch (error) {
    throw isUnknownActivity(error) ? failureOf(outdated(agentId)) : error;
  }
  return agent;
}

/** Once begun it is brought to its end, and waits for its agent without limit. */
async function swapBack(run: UndoRun, agent: Agent): Promise<UndoReport> {
  const { input, order } = run;
  await tell(run, 'cutting_over', 'server is not-ready');
  const { workflowId: undoId, force } = input;
  run.swapping = true;
  return await CancellationScope.nonCancellable(() =>
    run.dismissal.unlessGone(() => agent.cleanup.undoRestore({ ...order, undoId, force })),
  );
}

async function succeed(
  run: UndoRun,
  { serving, replicas, notServingMs, written, kept }: UndoReport,
): Promise<void> {
  const state = serving
    ? 'The server serves the data from before it.'
    : 'The data from before it is back, and the server is stopped, as it was then.';
  const fate = fateSentence(written, kept);
  const message = [
    'The restore was undone.',
    state,
    ...(fate === '' ? [] : [fate]),
    ...replicasLeft(replicas),
  ].join(' ');
  const { story } = run;
  story.succeed('done', message, 0);
  const time = notServingMs === undefined ? {} : { notServingMs };
  await CancellationScope.nonCancellable(() => end(run, 'Succeeded', message, time));
}

async function tell({ input, plane, story }: UndoRun, phase: UndoPhase, message: string): Promise<void> {
  story.tell(phase, message);
  const { restoreId, workflowId } = input;
  const { progress } = story.now;
  await plane.control.updateUndo({ restoreId, workflowId, status: 'Running', message, progress });
}

async function end(
  { input, plane, story }: UndoRun,
  status: 'Succeeded' | 'Failed' | 'Cancelled',
  message: string,
  more: { notServingMs?: number } = {},
): Promise<void> {
  if (status !== 'Succeeded') story.tell(story.now.phase, message, status);
  const { restoreId, workflowId } = input;
  const { progress } = story.now;
  await plane.control.updateUndo({ restoreId, workflowId, status, message, progress, ...more });
}

function outdated(agentId: string): TidemarkError {
  return new TidemarkError(
    'agent_outdated',
    `The agent ${agentId} is of an earlier version, which undoes no restore. Upgrade it.`,
  );
}
