/** A run of a schedule: takes one backup, and says which runs came due meanwhile and were skipped. */
import {
  defineSearchAttributeKey,
  SearchAttributeType,
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import {
  CancellationScope,
  condition,
  continueAsNew,
  executeChild,
  ParentClosePolicy,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { workflowIds } from '../domain/ids.ts';
import { type BackupInput, defaultTimings, type ScheduledRunInput } from '../domain/operations.ts';
import { type ControlPlane, controlPlaneOf } from './agents.ts';
import { backup } from './backup.ts';
import { pauseBeforeAsking } from './profiles.ts';

/** Temporal's own: when the run was due. */
const dueKey = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);
const serviceIdKey = defineSearchAttributeKey('ServiceId', SearchAttributeType.KEYWORD);
const operationKey = defineSearchAttributeKey('Operation', SearchAttributeType.KEYWORD);
const backupTypeKey = defineSearchAttributeKey('BackupType', SearchAttributeType.KEYWORD);

/**
 * @returns what was done, or why nothing was
 * @throws what the backup failed with
 */
export async function scheduledBackup(input: ScheduledRunInput): Promise<string> {
  const { deploymentId, scheduleId } = input;
  const plane = controlPlaneOf(defaultTimings);
  const info = workflowInfo();
  const due = info.typedSearchAttributes.get(dueKey) ?? info.startTime;
  const run = await plane.control.beginRun({
    deploymentId,
    scheduleId,
    runId: info.firstExecutionRunId,
    dueAt: due.toISOString(),
  });
  if (run.backup === undefined) {
    setCurrentDetails(run.message);
    return run.message;
  }
  setCurrentDetails(`Takes the backup \`${run.backup.backupId}\`.`);
  const taken = { over: false };
  const ended = take(plane, input, run.backup).finally(() => {
    taken.over = true;
  });
  // It is awaited below; until then nobody would hear of its failure.
  ended.catch(() => undefined);
  await CancellationScope.nonCancellable(() => tellSkipped(plane, scheduleId, run.nextDueAt, taken));
  await ended;
  return `The backup ${run.backup.backupId} was taken.`;
}

/** The reconciler starts a backup that waits for its workflow too long; then it is waited for from here. */
async function take({ control }: ControlPlane, own: ScheduledRunInput, input: BackupInput): Promise<void> {
  const { backupId, scheduleId, serviceId, type } = input;
  try {
    await executeChild(backup, {
      args: [input],
      workflowId: workflowIds.backup(backupId, scheduleId),
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      typedSearchAttributes: new TypedSearchAttributes([
        { key: serviceIdKey, value: serviceId },
        { key: operationKey, value: 'backup' },
        { key: backupTypeKey, value: type },
      ]),
      staticSummary: `${type} backup of ${serviceId}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    for (let asked = 0; !(await control.isRunOver({ backupId })); asked += 1) {
      // The same run begins anew with an empty history, and is answered with the same backup.
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof scheduledBackup>(own);
      await sleep(pauseBeforeAsking(asked));
    }
  }
}

/** Temporal skips a run that comes due while this one is open; who reads the schedule is to know. */
async function tellSkipped(
  { control }: ControlPlane,
  scheduleId: number,
  firstDueAt: string,
  taken: { over: boolean },
): Promise<void> {
  let dueAt: string | undefined = firstDueAt;
  let pause = 0;
  while (dueAt !== undefined) {
    const wait: number = Math.max(Date.parse(dueAt) - Date.now(), pause);
    const over: boolean = await condition(() => taken.over, wait);
    if (over && Date.now() < Date.parse(dueAt)) return;
    const skipped: { nextDueAt?: string } = await control.skipRun({ scheduleId, dueAt });
    if (over) return;
    dueAt = skipped.nextDueAt;
    // A backup of a day under a schedule of a minute must not fill its history.
    pause = Math.min(600_000, pause * 2 + 30_000);
  }
}
