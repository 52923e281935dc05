/** DELETE /backups/schedules/{id}: nothing runs by it any more. */
import { workflowIds } from '../../domain/ids.ts';
import { findSchedule, noSchedule } from '../find.ts';
import { empty, operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { scheduleId } from '../schemas/schedule.ts';

export const deleteSchedule = operation({
  name: 'deleteSchedule',
  method: 'delete',
  path: '/backups/schedules/{id}',
  summary: 'Delete a schedule',
  description:
    'A repeating schedule runs no more; a backup that it has begun goes on to its end. A one-time schedule whose backup is still Scheduled is cancelled with it; while its backup is Running, it is refused. Backups stay.',
  role: 'administrator',
  params: scheduleId,
  query: nothing,
  answer: empty,
  errors: ['schedule_not_found', 'schedule_active', 'temporal_unavailable'],
  async handle({ params: { id }, caller: { organization } }, { catalog, orders }) {
    const { schedule, status, backupId } = await findSchedule(catalog, id, organization);
    const waiting = schedule === 'once' && status === 'Scheduled' ? backupId : undefined;
    if (schedule !== 'once' || waiting !== undefined) await orders.ensureReachable();
    if (waiting !== undefined) {
      // Called off before the schedule goes: a crash in between leaves it there, with a backup that is Cancelled.
      await orders.cancel(workflowIds.backup(waiting, id));
      await catalog.updateBackup(waiting, {
        status: 'Cancelled',
        endedAt: new Date().toISOString(),
        message: 'The backup was cancelled, because its schedule was deleted.',
      });
    }
    if (!(await catalog.deleteSchedule(id, organization))) throw noSchedule(id);
    if (schedule !== 'once') await orders.schedule(id);
    return undefined;
  },
});
