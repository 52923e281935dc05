/**
 * The runbook of copying a backup: to one location after the other, each for itself. What one refuses is recorded and
 * tried again later; the others get theirs, and the backup is what it is.
 */
import { CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { ControlBulkActivities } from '../activities/control/contract.ts';
import type { CopyInput, CopyOutcome } from '../domain/operations.ts';
import type { CopyPhase } from '../domain/progress.ts';
import { bytesForPeople } from '../domain/sizes.ts';
import { type ControlPlane, controlPlaneOf } from './agents.ts';
import { failureOf, type Finding, findingOf } from './failures.ts';
import { beginNarrative, type Narrative } from './narrative.ts';
import { controlCopy } from './profiles.ts';

interface CopyRun {
  input: CopyInput;
  plane: ControlPlane;
  story: Narrative<CopyPhase>;
  outcome: CopyOutcome;
  /** The first, which the workflow fails with. */
  failure?: Finding;
}

/** @throws ApplicationFailure when a location could not be given its copy, once all were tried */
export async function copy(input: CopyInput): Promise<CopyOutcome> {
  const run = setUp(input);
  for (const location of input.locations) {
    if (await isStillWanted(run, location)) await copyTo(run, location);
  }
  return finish(run);
}

function setUp(input: CopyInput): CopyRun {
  return {
    input,
    plane: controlPlaneOf(input.timings),
    story: beginNarrative<CopyPhase>('waiting', 'Waiting for a control worker that is free.', [
      `**copy** of backup \`${input.backupId}\` of service **${input.serviceId}**`,
    ]),
    outcome: { bytes: 0, copied: [], failed: [] },
  };
}

async function isStillWanted(
  { input: { backupId }, plane, story }: CopyRun,
  location: string,
): Promise<boolean> {
  const message = `The backup is being copied to ${location}.`;
  story.tell('copying', message);
  const { wanted } = await plane.control.updateCopy({ backupId, location, status: 'Running', message });
  return wanted;
}

async function copyTo(run: CopyRun, location: string): Promise<void> {
  const { input, outcome } = run;
  const { copyBackup } = proxyActivities<ControlBulkActivities>(controlCopy(input.timings));
  try {
    const { objects, bytes } = await copyBackup({ backupId: input.backupId, location });
    outcome.copied.push(location);
    outcome.bytes += bytes;
    const size = `${objects} objects with ${bytesForPeople(bytes)}`;
    await record(run, location, `The copy is complete: ${size}, each with the digest that was recorded.`);
  } catch (error) {
    const finding = findingOf(error);
    await record(run, location, finding.message, finding);
    if (isCancellation(error)) throw error;
    outcome.failed.push(location);
    run.failure ??= finding;
  }
}

/** Of a backup that was removed meanwhile nothing is recorded. */
async function record(run: CopyRun, location: string, message: string, failed?: Finding): Promise<void> {
  const { input, plane, story } = run;
  const { backupId } = input;
  story.tell('copying', `${location}: ${message}`, failed ? 'Failed' : 'Running');
  await CancellationScope.nonCancellable(() =>
    failed
      ? plane.control.updateCopy({ backupId, location, status: 'Failed', message, code: failed.code })
      : plane.control.updateCopy({ backupId, location, status: 'Succeeded', message }),
  );
}

function finish({ story, outcome, failure }: CopyRun): CopyOutcome {
  if (failure) {
    story.tell('done', failure.message, 'Failed');
    throw failureOf(failure);
  }
  story.succeed(
    'done',
    `The backup is in ${outcome.copied.join(', ') || 'no further location'}.`,
    outcome.bytes,
  );
  return outcome;
}
