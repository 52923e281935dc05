/** A restore's record as the contract's Restore. */
import type { RestoreRecord } from '../../catalog/types.ts';
import type { PreviousRecord, UndoRecord } from '../../catalog/undo-types.ts';
import type { RecoveryTarget } from '../../domain/archive/plan-types.ts';
import type { RestoreView } from '../schemas/restore.ts';
import { given, wallClock, wholeSeconds } from './format.ts';
import { progressView } from './progress.ts';

export function restoreView(record: RestoreRecord): RestoreView {
  const { previous, undo } = record;
  const { target } = record.recovery ?? {};
  const asked = target && 'time' in target ? target.time : undefined;
  const { gtid, before } = gtidOf(target);
  const pointInTime = record.pointInTime ?? asked;
  return {
    id: record.id,
    service_id: record.serviceId,
    service_name: record.serviceName,
    backup_id: record.backupId,
    key: record.backupId,
    bucket: record.bucket,
    type: record.type,
    mode: record.mode,
    status: record.status,
    message: record.message,
    created_at: wholeSeconds(record.createdAt),
    ...given('finished_at', record.finishedAt && wholeSeconds(record.finishedAt)),
    ...given('point_in_time', pointInTime && wallClock(pointInTime)),
    ...given('gtid', gtid),
    ...given('before_gtid', before),
    ...given('reached', record.reached),
    ...given('progress', record.progress && progressView(record.progress)),
    workflow_id: record.workflowId,
    ...given('previous_kept_until', previous && keptUntil(previous)),
    ...given('undo', undo && undoView(undo)),
    ...given('include', record.part?.include),
    ...given('as', record.part?.as),
  };
}

/** What is over by then is removed within moments, whether anybody has said so yet or not. */
function keptUntil({ state, keptUntil: until }: PreviousRecord): string | undefined {
  return state === 'kept' && Date.parse(until) > Date.now() ? wholeSeconds(until) : undefined;
}

function undoView(undo: UndoRecord): NonNullable<RestoreView['undo']> {
  return {
    status: undo.status,
    message: undo.message,
    force: undo.force,
    created_at: wholeSeconds(undo.createdAt),
    ...given('finished_at', undo.finishedAt && wholeSeconds(undo.finishedAt)),
    ...given('not_serving_ms', undo.notServingMs),
    ...given('progress', undo.progress && progressView(undo.progress)),
    workflow_id: undo.workflowId,
  };
}

function gtidOf(target: RecoveryTarget | undefined): { gtid?: string; before?: string } {
  if (!target || !('gtid' in target)) return {};
  return target.before ? { before: target.gtid } : { gtid: target.gtid };
}
