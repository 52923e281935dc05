/**
 * The runbook of a drill: draw an instant of the recovery window, bring the service back to it on a prover, check every
 * table, record what came of it. It takes no place, and touches nothing of the service.
 */
import {
  ActivityFailure,
  type ActivityInterfaceFor,
  CancellationScope,
  patched,
  proxyActivities,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostControlActivities } from '../activities/host/contract.ts';
import type { HostProofActivities } from '../activities/prover/contract.ts';
import { secondsForPeople } from '../domain/durations.ts';
import type { ErrorName } from '../domain/errors.ts';
import type { OperationTimings } from '../domain/operations.ts';
import type { ProofPhase } from '../domain/progress.ts';
import type { ProofInput, ProofReport, ProofTarget, Prover } from '../domain/proofs/types.ts';
import type { BackupFacts } from '../domain/restore-plan.ts';
import { type Agent, agentProxies, type ControlPlane, controlPlaneOf } from './agents.ts';
import { agreeOnBucket } from './buckets.ts';
import { endingOf, findingOf } from './failures.ts';
import { beginNarrative, type Narrative } from './narrative.ts';
import { hostPing, hostProve } from './profiles.ts';

interface ProofRun {
  input: ProofInput;
  workflowId: string;
  proofId: number;
  plane: ControlPlane;
  story: Narrative<ProofPhase>;
  /** Whom it was tried on last. */
  prover?: Prover;
  /** Until when one that is free is waited for, Unix milliseconds. */
  until: number;
}

/** How long one that is free is waited for, where nobody says. */
const defaultWaitMs = 12 * 60 * 60_000;
/** How long a drill stands in the line of a prover while there is another one, which may be free. */
const inLineMs = 15 * 60_000;

/** What one prover lacks, another may have. */
const proversOwn: readonly ErrorName[] = [
  'agent_unavailable',
  'prover_missing',
  'tool_missing',
  'tool_version_mismatch',
  'identity_unavailable',
  'server_keys_missing',
  'invalid_setting',
  'disk_full',
];

/**
 * @returns what was found, for people
 * @throws ApplicationFailure whose type is the stable name of why the service was not proven
 */
export async function proof(input: ProofInput): Promise<string> {
  const run = await setUp(input);
  if (!run) return 'Another proof of the service is under way.';
  try {
    const { target, provers } = await aim(run);
    const facts = await run.plane.reading(target.external).readBackup({ backupId: target.backupId });
    const report = await proveOnOneOf(run, provers, target, facts);
    return 'busy' in report ? await giveUp(run, report) : await succeed(run, report, facts);
  } catch (error) {
    return await fail(run, error);
  }
}

async function setUp(input: ProofInput): Promise<ProofRun | undefined> {
  const { serviceId, timings } = input;
  const { workflowId } = workflowInfo();
  const plane = controlPlaneOf(timings);
  const story = beginNarrative<ProofPhase>('waiting', 'The drill begins.', [
    `**drill** of service **${serviceId}**`,
  ]);
  const { proofId } = await plane.control.beginProof({ serviceId, workflowId });
  if (proofId === undefined) return undefined;
  const until = Date.now() + (timings.proverWaitMs ?? defaultWaitMs);
  return { input, workflowId, proofId, plane, story, until };
}

async function tell(run: ProofRun, phase: ProofPhase, message: string): Promise<void> {
  const { plane, story, workflowId, prover } = run;
  story.tell(phase, message);
  const { progress } = story.now;
  await plane.control.updateProof({
    workflowId,
    status: 'Running',
    message,
    progress,
    ...(prover && { prover }),
  });
}

async function aim(run: ProofRun): Promise<{ target: ProofTarget; provers: [Prover, ...Prover[]] }> {
  await tell(run, 'planning', 'An instant of the recovery window is being drawn.');
  const { input, plane, workflowId } = run;
  return await plane.control.aimProof({ serviceId: input.serviceId, workflowId });
}

/** Nobody could do it, and some of them only for now. */
interface NoneFree {
  busy: readonly Prover[];
  /** Why the others cannot, each a sentence. */
  others: readonly string[];
}

/**
 * Asks one after the other, while it is the prover itself that cannot; those that were only busy are asked again, for as
 * long as the drill may wait.
 *
 * @throws what the last one failed with
 */
async function proveOnOneOf(
  run: ProofRun,
  provers: readonly Prover[],
  target: ProofTarget,
  facts: BackupFacts,
): Promise<ProofReport | NoneFree> {
  const others: string[] = [];
  for (let round = 0, asked = provers; ; round += 1) {
    const busy: Prover[] = [];
    for (const [number, prover] of asked.entries()) {
      const another = asked.length > 1;
      try {
        run.prover = prover;
        return await proveOn(run, prover, { target, facts, another });
      } catch (error) {
        const isBusy = saysBusy(error) && patched('busy-provers-are-asked-again');
        const isLast = number === asked.length - 1;
        const said = `${prover.hostname} cannot do it: ${whyNot(error)}`;
        if (isBusy) busy.push(prover);
        else if (!proversOwn.includes(findingOf(error).code)) throw error;
        else if (isLast && busy.length === 0) throw error;
        else others.push(said);
        if (!isLast) await tell(run, 'planning', said);
      }
    }
    const left = run.until - Date.now();
    if (left <= 0) return { busy, others };
    await tell(run, 'planning', `Waiting until a prover is free: ${hostsOf(busy)}.`);
    await sleep(Math.min(left, pauseOf(round, run.input.timings)));
    asked = busy;
  }
}

/** It made way for a restore of its host, or is at work on other drills. */
function saysBusy(error: unknown): boolean {
  return findingOf(error).code === 'prover_busy' || isStillInLine(error);
}

/** A prover that answers has taken up nothing for all the time that the drill stood in its line. */
function isStillInLine(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.activityType === 'proveService' &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}

function whyNot(error: unknown): string {
  return isStillInLine(error) ? 'It is at work on other drills.' : findingOf(error).message;
}

/** Each is twice the one before: a dry run on the prover's host is over in seconds, a restore in hours. */
function pauseOf(round: number, { retryMs }: OperationTimings): number {
  return Math.min(retryMs * 2 ** Math.min(round, 20), inLineMs);
}

function hostsOf(provers: readonly Prover[]): string {
  return provers.map(({ hostname }) => hostname).join(', ');
}

async function proveOn(
  run: ProofRun,
  { agentId, serviceId: ofService, hostname }: Prover,
  { target, facts, another }: { target: ProofTarget; facts: BackupFacts; another: boolean },
): Promise<ProofReport> {
  const { input, plane, workflowId, proofId } = run;
  const { timings, serviceId } = input;
  await tell(run, 'planning', `Waiting for the agent of ${ofService} on ${hostname}, the prover.`);
  await proxyActivities<HostControlActivities>(hostPing(agentId, timings.pickUpMs)).ping();
  const agent = agentProxies(agentId, timings);
  const bucket = target.external ? await bucketFor(plane, agent, target.backupId) : undefined;
  await tell(run, 'fetching', `The service is being brought back to ${target.time} on ${hostname}.`);
  const prover: ActivityInterfaceFor<HostProofActivities> = proxyActivities<HostProofActivities>(
    hostProve(agentId, timings, lineOf(run, another)),
  );
  return await prover.proveService({
    proofId,
    workflowId,
    serviceId,
    target,
    facts,
    ...(bucket && { bucket }),
  });
}

/** How long the drill stands in the line of a prover, milliseconds. */
function lineOf({ until }: ProofRun, another: boolean): number {
  const left = Math.max(1_000, until - Date.now());
  return another ? Math.min(left, inLineMs) : left;
}

async function bucketFor(
  plane: ControlPlane,
  agent: Agent,
  backupId: string,
): ReturnType<typeof agreeOnBucket> {
  return await agreeOnBucket(plane, agent, { backupId, purpose: 'restore' });
}

async function succeed(
  { plane, story, workflowId, prover }: ProofRun,
  report: ProofReport,
  { storedBytes }: BackupFacts,
): Promise<string> {
  if (!prover) throw new Error('proven by nobody');
  return await CancellationScope.nonCancellable(async () => {
    story.succeed('done', 'The copy is as it should be.', storedBytes);
    const { progress } = story.now;
    const { message } = await plane.control.recordProof({ workflowId, prover, report, progress });
    story.tell('done', message, 'Succeeded');
    return message;
  });
}

/** Nothing was found out, so it is neither proven nor an alarm. */
async function giveUp(
  { plane, story, workflowId, input }: ProofRun,
  { busy, others }: NoneFree,
): Promise<string> {
  const waited = secondsForPeople((input.timings.proverWaitMs ?? defaultWaitMs) / 1000);
  const message = [
    `No prover was free for ${waited}: restores, or other drills, were on ${hostsOf(busy)}.`,
    ...others,
    'Whether the service can be brought back was not found out.',
    'The next drill tries again; more provers, or other hours for drills, help.',
  ].join(' ');
  return await CancellationScope.nonCancellable(async () => {
    story.tell(story.now.phase, message, 'Cancelled');
    await plane.control.updateProof({ workflowId, status: 'Cancelled', message, code: 'prover_busy' });
    return message;
  });
}

/** @throws what the workflow fails with */
async function fail({ plane, story, workflowId, prover }: ProofRun, error: unknown): Promise<never> {
  const { status, message, code, failure } = endingOf(error);
  return await CancellationScope.nonCancellable(async () => {
    story.tell(story.now.phase, message, status);
    await plane.control.updateProof({
      workflowId,
      status,
      message,
      ...(status === 'Failed' && { code }),
      ...(prover && { prover }),
    });
    throw failure;
  });
}
