/**
 * The runbook of a restore. Side by side: plan, fetch, prepare, check, cut over; the server serves until the cut-over,
 * and any failure or cancellation leaves it as it was. In place, for hosts without room for two copies: verify, stop,
 * empty, fetch, prepare, check, start.
 */
import { CancelledFailure, CancellationScope, patched, workflowInfo } from '@temporalio/workflow';
import type {
  FetchReport,
  HostRestoreInput,
  PrepareReport,
  ReplayReport,
  StepReport,
} from '../activities/host/contract.ts';
import { replicasLeft } from '../domain/after-restore.ts';
import type { HostMeasurements } from '../domain/archive/rates.ts';
import { withoutAdvice } from '../domain/copies.ts';
import { listed } from '../domain/dump.ts';
import type { RestoreInput } from '../domain/operations.ts';
import { type PartRequest, partSentence } from '../domain/part.ts';
import type { RestorePhase } from '../domain/progress.ts';
import type { BackupFacts } from '../domain/restore-plan.ts';
import { type Agent, agentProxies, type ControlPlane, controlPlaneOf } from './agents.ts';
import { type Dismissal, heedDismissal } from './dismissal.ts';
import { type Ending, endingOf, findingOf } from './failures.ts';
import { planForeign } from './foreign.ts';
import { Measured } from './measured.ts';
import { beginNarrative, type Narrative } from './narrative.ts';
import { pointOf, stopText } from './recovery.ts';
import { orderOf, type PlannedRestore, planOn } from './restore-planning.ts';

interface RestoreRun {
  input: RestoreInput;
  plane: ControlPlane;
  story: Narrative<RestorePhase>;
  dismissal: Dismissal;
  /** Undone last-in first-out when the restore does not succeed. */
  compensations: (() => Promise<string>)[];
  /** In place: `gone` once nothing brings the old data back any more; while it is removed only the host knows. */
  oldData: 'whole' | 'being removed' | 'gone';
  warnings: string[];
  /** When the replaced data is removed at the latest; left out where none is kept. */
  keptUntil?: string;
  measured: Measured;
}

type Reached = Record<string, string | number>;

/** The contract's words for a server that does not serve while it is restored. */
const notReady = 'server is not-ready';

/** @throws ApplicationFailure whose type is the stable name of what went wrong, once the server is as it was */
export async function restore(input: RestoreInput): Promise<Reached> {
  const run = setUp(input);
  try {
    await takePlace(run);
    run.measured.begin();
    const planned = await plan(run);
    const reached = await carryOut(run, planned);
    await succeed(run, planned, reached);
    return reached;
  } catch (error) {
    const ending = run.dismissal.explain(endingOf(error));
    await settle(run, ending);
    throw ending.failure;
  } finally {
    await CancellationScope.nonCancellable(() =>
      run.plane.control.releasePlace({ workflowId: workflowInfo().workflowId }),
    );
  }
}

/** Brings a server back to what it was before a restore whose workflow was ended from outside. */
export async function restoreCleanup(input: RestoreInput): Promise<void> {
  const { control, waiting } = controlPlaneOf(input.timings);
  const { workflowId } = workflowInfo();
  const operation = `clean-up after restore ${input.restoreId}`;
  await waiting.takePlace({ serviceId: input.serviceId, workflowId, operation });
  const { agentId } = await control.findAgent({ serviceId: input.serviceId });
  try {
    const { cleanup } = agentProxies(agentId, input.timings);
    const order = orderOf(input, '');
    await (input.part ? cleanup.leavePart({ ...order, settled: true }) : cleanup.putBack(order));
  } finally {
    await CancellationScope.nonCancellable(() => control.releasePlace({ workflowId }));
  }
}

async function carryOut(run: RestoreRun, planned: PlannedRestore): Promise<Reached> {
  const { dump } = planned.facts;
  if (run.input.part) return await partly(run, planned, run.input.part);
  if (dump?.whole === false) return await intoRunning(run, planned, dump.databases);
  return run.input.mode === 'in-place' ? await inPlace(run, planned) : await sideBySide(run, planned);
}

async function sideBySide(run: RestoreRun, planned: PlannedRestore): Promise<Reached> {
  const { agent, order } = planned;
  run.compensations.push(() => putBack(run, agent, order));
  await materialize(run, planned);
  const { reached, warnings = [] } = await telling(
    run,
    'checking',
    'The copy is being checked on a private server.',
    () => agent.bulk.checkCopy(order),
  );
  run.warnings.push(...warnings);
  const swapped = await telling(run, 'cutting_over', notReady, () => agent.control.cutOver(order));
  const { notServingMs, keptUntil, replicas } = swapped;
  run.warnings.push(...replicasLeft(replicas));
  if (keptUntil !== undefined) run.keptUntil = keptUntil;
  return { ...reached, not_serving_ms: notServingMs };
}

/** Makes the copy beside the running server, and brings it to where the restore goes. */
async function materialize(run: RestoreRun, { agent, order, facts, source }: PlannedRestore): Promise<void> {
  const from = source === undefined ? '' : ` from ${source}`;
  const fetching = `The backup is being fetched${from} and unpacked beside the running server.`;
  const report = await telling(run, 'fetching', fetching, () => agent.bulk.fetchBackup(order));
  noteFetch(run, facts, report);
  const prepared = await telling(run, 'preparing', 'The copy is being prepared.', () =>
    agent.bulk.prepareBackup(order),
  );
  const ahead = noteMeasured(run, facts, report, prepared);
  const preparing = 'The copy is being prepared';
  await applyChain(run, order, preparing, ahead, (step) => agent.bulk.applyIncremental(step));
  await replayOnto(run, order, 'Binlogs are being replayed onto the copy', ahead, (it) =>
    agent.bulk.replayBinlogs(it),
  );
}

/** Part of the backup, into the running server, which goes on serving. */
async function partly(run: RestoreRun, planned: PlannedRestore, part: PartRequest): Promise<Reached> {
  const { agent, order } = planned;
  run.compensations.push(() => leavePart(run, agent, order));
  await materialize(run, planned);
  const loading = 'What is to come back is being loaded beside what is there.';
  const { reached } = await telling(run, 'loading', loading, () => agent.bulk.bringPart(order));
  run.oldData = 'being removed';
  const stands = partStands();
  const { warnings } = stands ? await broughtBack(run, agent, order) : await exchanged(run, agent, order);
  run.oldData = 'gone';
  run.warnings.push(partSentence(part), ...warnings);
  if (stands) await tidied(run, agent, order);
  else await agent.cleanup.leavePart({ ...order, settled: true });
  return reached;
}

/** Of parts that began before what has come back was taken for a success, however it was disturbed, the end is the old one. */
const partStands = (): boolean => patched('part-stands');

async function exchanged(
  run: RestoreRun,
  agent: Agent,
  order: HostRestoreInput,
): Promise<{ warnings: string[] }> {
  const exchanging = 'What was loaded takes its place in the running server.';
  return await telling(run, 'cutting_over', exchanging, () => agent.patientBulk.exchangePart(order));
}

/** What has changed places stays, whatever stops the restore then. */
async function broughtBack(
  run: RestoreRun,
  agent: Agent,
  order: HostRestoreInput,
): Promise<{ warnings: string[] }> {
  try {
    return await run.dismissal.unlessGone(() => exchanged(run, agent, order));
  } catch (error) {
    const { outcome, warnings = [] } = await CancellationScope.nonCancellable(() =>
      run.dismissal.unlessGone(() => agent.cleanup.leavePart(order)),
    );
    if (outcome === 'untouched') throw error;
    return { warnings };
  }
}

/** The part is there: that nothing is left of the work on its host is worth a word only where something is. */
async function tidied(run: RestoreRun, agent: Agent, order: HostRestoreInput): Promise<void> {
  try {
    await CancellationScope.nonCancellable(() =>
      run.dismissal.unlessGone(() => agent.cleanup.leavePart({ ...order, settled: true })),
    );
  } catch (error) {
    run.warnings.push(
      `What the restore used on its host could not be taken away: ${findingOf(error).message}`,
    );
  }
}

async function inPlace(run: RestoreRun, { agent, order, facts }: PlannedRestore): Promise<Reached> {
  run.compensations.push(() => putBack(run, agent, order));
  const verified = 'Every object of the backup is being verified before anything is removed.';
  await telling(run, 'planning', verified, () => agent.bulk.verifyObjects(order));
  const stoppedAt = Date.now();
  await telling(run, 'stopping', notReady, () => agent.control.stopServer(order));
  run.oldData = 'being removed';
  await agent.patient.emptyData(order);
  run.oldData = 'gone';
  const report = await telling(run, 'fetching', notReady, () => agent.patientBulk.fetchBackup(order));
  noteFetch(run, facts, report);
  const prepared = await telling(run, 'preparing', notReady, () => agent.patientBulk.prepareBackup(order));
  const ahead = noteMeasured(run, facts, report, prepared);
  await applyChain(run, order, notReady, ahead, (step) => agent.patientBulk.applyIncremental(step));
  await replayOnto(run, order, notReady, ahead, (it) => agent.patientBulk.replayBinlogs(it));
  const { reached, warnings = [] } = await telling(run, 'checking', notReady, () =>
    agent.patientBulk.checkCopy(order),
  );
  run.warnings.push(...warnings);
  await telling(run, 'cutting_over', notReady, () => agent.patient.startServer(order));
  return { ...reached, not_serving_ms: Date.now() - stoppedAt };
}

/**
 * A dump of some databases replaces those in the running server, and no other. Side by side it is tried on a private
 * server first: what fails there has cost nothing.
 */
async function intoRunning(
  run: RestoreRun,
  { agent, order, facts }: PlannedRestore,
  databases: readonly string[],
): Promise<Reached> {
  run.compensations.push(() => leaveDatabases(run, agent, order, databases));
  if (order.mode === 'side-by-side') {
    const trying = 'The dump is being tried on a private server beside the running one.';
    noteFetch(run, facts, await telling(run, 'fetching', trying, () => agent.bulk.fetchBackup(order)));
  } else {
    const verifying = 'Every object of the backup is being verified before anything is removed.';
    await telling(run, 'planning', verifying, () => agent.bulk.verifyObjects(order));
  }
  run.oldData = 'being removed';
  const replacing = `The databases ${listed(databases)} are being replaced in the running server.`;
  await telling(run, 'cutting_over', replacing, () => agent.patientBulk.replaceDatabases(order));
  run.oldData = 'gone';
  return {};
}

/** The incrementals of a chain, each brought into the copy by itself. @param ahead as {@link noteMeasured} says */
async function applyChain(
  run: RestoreRun,
  order: HostRestoreInput,
  doing: string,
  ahead: number,
  apply: (step: HostRestoreInput & { number: number }) => Promise<StepReport | undefined>,
): Promise<void> {
  const count = order.chain?.length ?? 0;
  for (let number = 1; number <= count; number += 1) {
    const message = doing === notReady ? notReady : `${doing}: incremental ${number} of ${count}.`;
    const report = await telling(run, 'preparing', message, () => apply({ ...order, number }));
    run.measured.step('applying', report, number === 1 && !order.replay ? ahead : 0);
  }
}

/** The binlogs after the backup, where the restore goes further than it. @param ahead as {@link noteMeasured} says */
async function replayOnto(
  run: RestoreRun,
  order: HostRestoreInput,
  doing: string,
  ahead: number,
  replay: (order: HostRestoreInput) => Promise<ReplayReport>,
): Promise<void> {
  if (!order.replay) return;
  const message = doing === notReady ? notReady : `${doing}: ${stopText(order.replay.stop)}.`;
  const report = await telling(run, 'replaying', message, () => replay(order));
  run.measured.step('replaying', report, ahead);
  run.warnings.push(...report.warnings);
}

function setUp(input: RestoreInput): RestoreRun {
  return {
    input,
    plane: controlPlaneOf(input.timings),
    story: beginNarrative<RestorePhase>('waiting', 'Restore is scheduled.', [
      `**${input.mode} restore ${input.restoreId}** of service **${input.serviceId}** from \`${input.backupId}\``,
    ]),
    dismissal: heedDismissal(),
    compensations: [],
    oldData: 'whole',
    warnings: [],
    measured: new Measured(),
  };
}

/** The api took it when the restore was ordered; else a backup has it that is called off for this restore. */
async function takePlace({ input, plane }: RestoreRun): Promise<void> {
  await plane.waiting.takePlace({
    serviceId: input.serviceId,
    workflowId: workflowInfo().workflowId,
    operation: `restore ${input.restoreId}`,
    restoreId: input.restoreId,
  });
}

async function tell(
  { input, plane, story }: RestoreRun,
  phase: RestorePhase,
  message: string,
): Promise<void> {
  story.tell(phase, message);
  await plane.control.updateRestore({
    restoreId: input.restoreId,
    status: 'Running',
    message,
    progress: story.now.progress,
  });
}

/** Restores that began under a version that told first, and worked then, end that way. */
const tellsBeside = (): boolean => patched('tells-beside');

/**
 * Says what is being done while it is done: saying it costs no time. What is said of one step is written down before
 * the next one begins.
 */
async function telling<T>(
  run: RestoreRun,
  phase: RestorePhase,
  message: string,
  work: () => Promise<T>,
): Promise<T> {
  if (!tellsBeside()) {
    await tell(run, phase, message);
    return await work();
  }
  const [told, done] = await Promise.allSettled([tell(run, phase, message), work()]);
  if (done.status === 'rejected') throw done.reason as Error;
  if (told.status === 'rejected') throw told.reason as Error;
  return done.value;
}

async function bothOf<A, B>(first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  return tellsBeside() ? await Promise.all([first(), second()]) : [await first(), await second()];
}

/** What is needed is there, fits, and may be: or the restore is refused before anything is touched. */
async function plan(run: RestoreRun): Promise<PlannedRestore> {
  const { input, plane } = run;
  if (input.foreign) {
    const looking = 'The backup is being looked at where it lies.';
    const planned = await telling(run, 'planning', looking, () => planForeign(plane, input));
    run.warnings.push(...planned.plan.warnings);
    return planned;
  }
  const [facts, { agentId, keepPreviousMs }] = await telling(
    run,
    'planning',
    'The restore is being planned.',
    () =>
      bothOf(
        () => plane.reading(input.external).readBackup({ backupId: input.backupId }),
        () => plane.control.findAgent({ serviceId: input.serviceId }),
      ),
  );
  const planned = await planOn(plane, input, facts, { agentId, keepPreviousMs });
  run.warnings.push(...planned.plan.warnings);
  return planned;
}

/** Recorded before a late cancellation can be heard: the new data serves, and that is the truth. */
async function succeed(run: RestoreRun, planned: PlannedRestore, reached: Reached): Promise<void> {
  // A cancellation that came while the server was being swapped is still honoured: the old data goes back.
  const stands = run.input.part !== undefined && run.oldData === 'gone' && partStands();
  if (CancellationScope.current().consideredCancelled && !stands)
    throw new CancelledFailure('cancelled during the cut-over');
  const { input, plane, story } = run;
  const { facts, recovery } = planned;
  const measured = measuredBy(run, planned);
  await CancellationScope.nonCancellable(async () => {
    const message = ['Restore has succeeded!', ...run.warnings].join(' ');
    story.succeed('done', message, facts.storedBytes);
    await plane.control.updateRestore({
      restoreId: input.restoreId,
      status: 'Succeeded',
      message,
      progress: story.now.progress,
      ...pointOf(facts, recovery),
      reached,
      ...(run.keptUntil !== undefined && { keptUntil: run.keptUntil }),
      ...(measured.stages.length > 0 && { measured }),
    });
  });
}

/** In place, or with a part of it, much is done that is not done otherwise. */
function measuredBy({ input, measured }: RestoreRun, planned: PlannedRestore): HostMeasurements {
  const { agentId } = planned.agent;
  const usual = input.mode === 'side-by-side' && !input.part && planned.facts.dump?.whole !== false;
  // Of somebody else's backup nobody knows how much it holds.
  const stages = input.foreign ? [] : measured.stages(planned, usual);
  return { agentId, workflowId: input.workflowId, stages };
}

/** @returns how many seconds what was fetched ahead took longer than the preparation: they belong to what comes last */
function noteMeasured(
  { measured }: RestoreRun,
  { dump }: BackupFacts,
  fetched: FetchReport | undefined,
  prepared: PrepareReport | undefined,
): number {
  if (dump) measured.step('loading', fetched, prepared?.seconds);
  else {
    measured.step('fetching', fetched);
    measured.step('preparing', prepared);
  }
  return prepared?.secondsAhead ?? 0;
}

/** From where it came is worth a word only when not all of it came from where it was written. */
function noteFetch(
  { warnings }: RestoreRun,
  { sources }: BackupFacts,
  report: FetchReport | undefined,
): void {
  warnings.push(...(report?.warnings ?? []));
  if (!sources || !report) return;
  const planned = sources.flatMap(({ shown, refusal }) =>
    refusal === undefined ? [] : [`${shown}: ${refusal}`],
  );
  const reasons = [...planned, ...report.refusals];
  if (reasons.length > 0)
    warnings.push(
      [`It was read from ${report.readFrom.join(' and ')}.`, ...reasons.map(withoutAdvice)].join(' '),
    );
}

/** @returns what became of the server, for the message */
async function putBack(run: RestoreRun, agent: Agent, order: HostRestoreInput): Promise<string> {
  const { serving, emptied = true } = await run.dismissal.unlessGone(() => agent.cleanup.putBack(order));
  const gone = run.oldData === 'gone' || (run.oldData === 'being removed' && emptied);
  if (!gone) return serving ? 'The server serves its old data.' : 'The server is as it was.';
  return serving
    ? 'The server serves the restored data.'
    : 'The server is stopped, its old data is gone: restore this or another backup to it to bring it back.';
}

/** @returns what became of the databases, for the message */
async function leaveDatabases(
  run: RestoreRun,
  agent: Agent,
  order: HostRestoreInput,
  databases: readonly string[],
): Promise<string> {
  await run.dismissal.unlessGone(() => agent.cleanup.putBack(order));
  if (run.oldData === 'whole') return 'The databases are as they were.';
  if (run.oldData === 'gone') return 'The databases are those of the dump.';
  return `The databases ${listed(databases)} may have a part of the dump, or nothing: restore this or another backup of them.`;
}

/** @returns what became of the part, for the message */
async function leavePart(run: RestoreRun, agent: Agent, order: HostRestoreInput): Promise<string> {
  const { outcome } = await run.dismissal.unlessGone(() => agent.cleanup.leavePart(order));
  const there = run.oldData === 'gone' || outcome === 'exchanged';
  return there ? 'What was to come back is there.' : 'What is there is as it was.';
}

/** Puts the server back and says why. Whatever happens on the way, the row gets its end. */
async function settle(run: RestoreRun, { message, status }: Ending): Promise<void> {
  const { input, plane, story } = run;
  await CancellationScope.nonCancellable(async () => {
    const told = [message];
    if (run.compensations.length > 0) {
      await tell(run, story.now.phase, `${message} The server is being put back as it was.`);
    }
    for (const compensate of run.compensations.reverse()) {
      told.push(await compensate().catch((second: unknown) => findingOf(second).message));
    }
    story.tell(story.now.phase, told.join(' '), status);
    await plane.control.updateRestore({ restoreId: input.restoreId, status, message: told.join(' ') });
  });
}
