/**
 * The runbook of a drill: draw an instant of the recovery window, bring the service back to it on a prover, check every
 * table, record what came of it. It takes no place, and touches nothing of the service.
 */
import {
  type ActivityInterfaceFor,
  CancellationScope,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostControlActivities } from '../activities/host/contract.ts';
import type { HostProofActivities } from '../activities/prover/contract.ts';
import type { ErrorName } from '../domain/errors.ts';
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
}

/** What one prover lacks, another may have. */
const proversOwn: readonly ErrorName[] = [
  'agent_unavailable',
  'prover_missing',
  'tool_missing',
  'tool_version_mismatch',
  'identity_unavailable',
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
    return await succeed(run, report, facts);
  } catch (error) {
    return await fail(run, error);
  }
}

async function setUp(input: ProofInput): Promise<ProofRun | undefined> {
  const { serviceId } = input;
  const { workflowId } = workflowInfo();
  const plane = controlPlaneOf(input.timings);
  const story = beginNarrative<ProofPhase>('waiting', 'The drill begins.', [
    `**drill** of service **${serviceId}**`,
  ]);
  const { proofId } = await plane.control.beginProof({ serviceId, workflowId });
  return proofId === undefined ? undefined : { input, workflowId, proofId, plane, story };
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

/** Asks one after the other, while it is the prover itself that cannot. @throws what the last one failed with */
async function proveOnOneOf(
  run: ProofRun,
  [first, ...others]: [Prover, ...Prover[]],
  target: ProofTarget,
  facts: BackupFacts,
): Promise<ProofReport> {
  try {
    run.prover = first;
    return await proveOn(run, first, target, facts);
  } catch (error) {
    const [next, ...further] = others;
    if (!next || !proversOwn.includes(findingOf(error).code)) throw error;
    await tell(run, 'planning', `${first.hostname} cannot do it: ${findingOf(error).message}`);
    return await proveOnOneOf(run, [next, ...further], target, facts);
  }
}

async function proveOn(
  run: ProofRun,
  { agentId, serviceId: ofService, hostname }: Prover,
  target: ProofTarget,
  facts: BackupFacts,
): Promise<ProofReport> {
  const { input, plane, workflowId, proofId } = run;
  const { timings, serviceId } = input;
  await tell(run, 'planning', `Waiting for the agent of ${ofService} on ${hostname}, the prover.`);
  await proxyActivities<HostControlActivities>(hostPing(agentId, timings.pickUpMs)).ping();
  const agent = agentProxies(agentId, timings);
  const bucket = target.external ? await bucketFor(plane, agent, target.backupId) : undefined;
  await tell(run, 'fetching', `The service is being brought back to ${target.time} on ${hostname}.`);
  const prover: ActivityInterfaceFor<HostProofActivities> = proxyActivities<HostProofActivities>(
    hostProve(agentId, timings),
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
