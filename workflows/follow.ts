/**
 * The long life of an archive of binlogs: the agent of the service follows its server in one activity that never ends
 * by itself, and says by signals what it has shipped; here that is taken into the catalog. It takes nobody's place:
 * backups and restores run beside it.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { FollowPlan } from '../activities/control/contract.ts';
import type { HostFollowActivities } from '../activities/host/contract.ts';
import type { FollowState } from '../domain/archive/facts.ts';
import {
  type FollowInput,
  type FollowStatus,
  lagOf,
  type SignedReport,
  type TakenReports,
} from '../domain/archive/following.ts';
import { type ControlPlane, controlPlaneOf } from './agents.ts';
import { findingOf } from './failures.ts';
import { hostFollow } from './profiles.ts';

/** Ends what is going on where a service changed its agent or its settings; the first begins the archive. */
const wakeSignal = defineSignal('wake');
const reportSignal = defineSignal<[SignedReport]>('report');
const statusQuery = defineQuery<FollowStatus>('status');

/** A run goes on as a new one after so many events, or bytes: each time the agent begins again, which takes seconds. */
const mostEvents = 10_000;
const mostBytes = 10 * 1024 * 1024;
/** How many characters of reports are recorded at a time: a message has 2 MB at most. */
const textAtOnce = 500_000;
/** How long a report may be, in bytes, and its signature: with what is said besides it has to fit into a message. */
const [mostReportBytes, mostSignature] = [1_900_000, 100];
/** How long it is waited, where nobody can follow now, until it is looked again. */
const pauseMs = 5 * 60_000;

interface FollowRun {
  input: FollowInput;
  plane: ControlPlane;
  agentId: string;
  message: string;
  woken: boolean;
  /** What they are worth is for whoever records them. */
  reports: SignedReport[];
  /** Who is to have signed them; the last that was followed with. */
  speaker: { agentId: string; session: string; after: number };
  state: FollowState | undefined;
  lastSegment: string;
  /** Archiving had been switched off, and nothing was archived since. */
  leftOut: boolean;
}

/** @returns why nothing is followed any more */
export async function follow(input: FollowInput): Promise<string> {
  const run = setUp(input);
  for (;;) {
    const plan = await planAnew(run);
    if (plan.verdict === 'none') return await giveUp(run, plan);
    if (plan.verdict === 'wait') await waitFor(run, plan.reason);
    else await followWith(run, plan);
    if (isLong()) await goOnAsNew(run);
  }
}

function setUp(input: FollowInput): FollowRun {
  const run: FollowRun = {
    input,
    plane: controlPlaneOf(input.timings),
    agentId: '',
    message: '',
    woken: false,
    reports: [],
    speaker: { agentId: '', session: '', after: 0 },
    state: input.carried?.state,
    lastSegment: input.carried?.lastSegment ?? '',
    leftOut: false,
  };
  setHandler(wakeSignal, () => {
    run.woken = true;
  });
  // What comes in is not known to be an agent's: it must not be able to make this workflow fail.
  setHandler(reportSignal, (said: unknown) => {
    if (looksLikeReport(said)) run.reports.push(keptOf(said));
  });
  setHandler(statusQuery, () => statusOf(run));
  tell(run, 'It is looked who follows the binlog.');
  return run;
}

async function planAnew(run: FollowRun): Promise<FollowPlan> {
  run.woken = false;
  return await run.plane.control.planFollowing({ serviceId: run.input.serviceId });
}

async function giveUp(run: FollowRun, { reason, off }: FollowPlan & { verdict: 'none' }): Promise<string> {
  const { serviceId } = run.input;
  tell(run, reason);
  await run.plane.control.endFollowing({ serviceId, reason, off });
  return reason;
}

async function waitFor(run: FollowRun, reason: string): Promise<void> {
  tell(run, reason);
  await run.plane.control.tellFollowing({ serviceId: run.input.serviceId, message: reason });
  await condition(() => run.woken, pauseMs);
}

/** Until another agent, or another order, is to be followed with; or the history is long. */
async function followWith(run: FollowRun, plan: FollowPlan & { verdict: 'follow' }): Promise<void> {
  run.agentId = plan.agentId;
  run.leftOut = plan.leftOut;
  const session = uuid4();
  run.speaker = { agentId: plan.agentId, session, after: 0 };
  tell(run, `The agent ${plan.agentId} follows the binlog.`);
  const { followBinlog } = proxyActivities<HostFollowActivities>(hostFollow(plan.agentId, run.input.timings));
  const scope = new CancellationScope();
  const end: { error?: unknown } = {};
  let failed: unknown;
  const following = scope
    .run(() => followBinlog({ ...plan.input, session }))
    .catch((error: unknown) => {
      end.error = error;
    });
  try {
    while (end.error === undefined && !isLong() && (await isStillOrdered(run, plan.order))) {
      await condition(() => run.reports.length > 0 || run.woken || end.error !== undefined);
      await record(run);
    }
    failed = end.error;
  } finally {
    scope.cancel();
    await CancellationScope.nonCancellable(() => following);
    await record(run);
    run.agentId = '';
  }
  // What an agent refuses for good may be mended by somebody, who wakes us, or not.
  if (failed !== undefined && !isCancellation(failed)) await waitFor(run, findingOf(failed).message);
}

async function isStillOrdered(run: FollowRun, order: string): Promise<boolean> {
  if (!run.woken) return true;
  const plan = await planAnew(run);
  return plan.verdict === 'follow' && plan.order === order;
}

/** Also one of before they were signed: there are histories that have recorded it. */
function looksLikeReport(said: unknown): said is object {
  if (typeof said !== 'object' || said === null) return false;
  const { report, state } = said as { report?: unknown; state?: { archived?: { file?: unknown } } };
  return typeof report === 'string' || typeof state?.archived?.file === 'string';
}

/** Nothing else of it goes on: what is no report of an agent is none here either, however much of it there is. */
function keptOf(said: object): SignedReport {
  const { report, signature } = said as Partial<Record<keyof SignedReport, unknown>>;
  const isReport = typeof report === 'string' && typeof signature === 'string';
  return isReport && fits(report) && signature.length <= mostSignature
    ? { report, signature }
    : { report: '', signature: '' };
}

/** As JSON in JSON no letter of it takes more than three bytes: so do as many as are recorded at a time. */
function fits(report: string): boolean {
  const bytes = new TextEncoder().encode(JSON.stringify(report)).length;
  return bytes <= Math.min(mostReportBytes, 3 * report.length + 2);
}

/** What was reported is recorded also where the workflow is cancelled meanwhile: nobody reports it again. */
async function record(run: FollowRun): Promise<void> {
  await CancellationScope.nonCancellable(() => recordReports(run));
}

async function recordReports(run: FollowRun): Promise<void> {
  while (run.reports.length > 0) {
    const reports = run.reports.splice(0, batchOf(run.reports));
    const { serviceId } = run.input;
    const order = { serviceId, ...run.speaker, reports, endLeftOut: run.leftOut };
    const taken: TakenReports | undefined = await run.plane.control.recordArchive(order);
    // A control worker of an earlier version says nothing.
    if (!taken) continue;
    run.speaker.after = Math.max(run.speaker.after, taken.sequence);
    if (taken.segments > 0) run.leftOut = false;
    note(run, taken);
  }
}

/** How many reports are taken together: one at least. */
function batchOf(reports: readonly SignedReport[]): number {
  let characters = 0;
  const over = reports.findIndex(({ report }) => (characters += report.length) > textAtOnce);
  return over === -1 ? reports.length : Math.max(1, over);
}

function note(run: FollowRun, { state, lastSegment }: TakenReports): void {
  if (lastSegment !== undefined) run.lastSegment = lastSegment;
  if (!state) return;
  run.state = state;
  const { file, position } = state.archived;
  tell(
    run,
    state.trouble === ''
      ? `The binlog is archived up to ${file}:${position}; ${state.lagBytes} bytes are to follow.`
      : state.trouble,
  );
}

function tell(run: FollowRun, message: string): void {
  run.message = message;
  setCurrentDetails([`**binlog** of service **${run.input.serviceId}**`, '', `- ${message}`].join('\n'));
}

function statusOf(run: FollowRun): FollowStatus {
  const { input, agentId, message, state, lastSegment } = run;
  const lagSeconds = state && lagOf(state, Date.parse(state.lookedAt));
  return {
    serviceId: input.serviceId,
    agentId,
    message,
    lastSegment,
    ...(state && { state, lagBytes: state.lagBytes }),
    ...(lagSeconds !== undefined && { lagSeconds }),
  };
}

function isLong(): boolean {
  const { historyLength, historySize } = workflowInfo();
  return historyLength > mostEvents || historySize > mostBytes;
}

async function goOnAsNew(run: FollowRun): Promise<void> {
  // Signals that came in between are this run's to record.
  await record(run);
  const { state, lastSegment } = run;
  await continueAsNew<typeof follow>({ ...run.input, carried: { state, lastSegment } });
}
