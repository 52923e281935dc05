/**
 * The runbook of a verification: read everything back, record what was found. It takes no place: a restore or a backup
 * of the service goes on beside it, and nothing that is stored is changed.
 */
import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { ControlBulkActivities } from '../activities/control/contract.ts';
import type { VerificationInput } from '../domain/operations.ts';
import type { VerificationPhase } from '../domain/progress.ts';
import { type Examination, verdictOf } from '../domain/verification.ts';
import { type ControlPlane, controlPlaneOf } from './agents.ts';
import { endingOf } from './failures.ts';
import { beginNarrative, type Narrative } from './narrative.ts';
import { controlBulk } from './profiles.ts';

interface VerificationRun {
  input: VerificationInput;
  plane: ControlPlane;
  story: Narrative<VerificationPhase>;
}

/** @throws ApplicationFailure when it could not be found out; damage that was found is a result */
export async function verification(input: VerificationInput): Promise<Examination> {
  const run = setUp(input);
  try {
    await markRunning(run);
    const examination = await examine(run);
    await record(run, examination);
    return examination;
  } catch (error) {
    return await giveUp(run, error);
  }
}

function setUp(input: VerificationInput): VerificationRun {
  return {
    input,
    plane: controlPlaneOf(input.timings),
    story: beginNarrative<VerificationPhase>('waiting', 'Waiting for a control worker that is free.', [
      `**verification** of backup \`${input.backupId}\` of service **${input.serviceId}**`,
    ]),
  };
}

async function markRunning({ input: { workflowId }, plane, story }: VerificationRun): Promise<void> {
  const message = 'The objects of the backup are being read back.';
  story.tell('reading', message);
  const { progress } = story.now;
  await plane.control.updateVerification({ workflowId, status: 'Running', message, progress });
}

async function examine({ input: { backupId, timings } }: VerificationRun): Promise<Examination> {
  const { examineBackup } = proxyActivities<ControlBulkActivities>(controlBulk(timings));
  return await examineBackup({ backupId });
}

/** Damage makes the verification Failed, and is what it was to find out. */
async function record({ input, plane, story }: VerificationRun, examination: Examination): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    const { whole, message } = verdictOf(input.backupId, examination);
    const status = whole ? 'Succeeded' : 'Failed';
    story.succeed('done', message, examination.bytesRead);
    if (!whole) story.tell('done', message, status);
    const { workflowId } = input;
    const { progress } = story.now;
    await plane.control.updateVerification({ workflowId, status, message, progress, examination });
  });
}

/** @throws what the workflow fails with */
async function giveUp(
  { input: { workflowId }, plane, story }: VerificationRun,
  error: unknown,
): Promise<never> {
  const { status, message, failure } = endingOf(error);
  return await CancellationScope.nonCancellable(async () => {
    const said = `${message} Whether the backup is whole is not known.`;
    story.tell(story.now.phase, said, status);
    await plane.control.updateVerification({ workflowId, status, message: said });
    throw failure;
  });
}
