/** PATCH /backups/schedules/{id}: changes a schedule that repeats. */
import { TidemarkError } from '../../domain/errors.ts';
import { findSchedule, noSchedule } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { schedule, scheduleId, scheduleUpdate } from '../schemas/schedule.ts';
import { scheduleView } from '../views/schedule.ts';
import { availableType } from './create-schedule.ts';

export const updateSchedule = operation({
  name: 'updateSchedule',
  method: 'patch',
  path: '/backups/schedules/{id}',
  summary: 'Change a schedule',
  description:
    'Changes what the body names, at least one of `schedule`, `backup_type` and `suspended`; a run that has begun goes on as it was. A schedule that runs once cannot be changed, and none can be changed to `once`.',
  role: 'administrator',
  params: scheduleId,
  query: nothing,
  body: scheduleUpdate,
  fieldErrors: { schedule: 'invalid_schedule' },
  answer: schedule,
  errors: ['invalid_schedule', 'not_available', 'schedule_not_found', 'temporal_unavailable'],
  async handle({ params: { id }, body, caller: { organization } }, { catalog, orders }) {
    const before = await findSchedule(catalog, id, organization);
    if (before.schedule === 'once') {
      throw new TidemarkError(
        'invalid_request',
        `Schedule ${id} runs once and cannot be changed: order another backup with POST /backups/schedules.`,
      );
    }
    const patch = {
      ...(body.schedule === undefined ? {} : { schedule: body.schedule }),
      ...(body.backup_type === undefined ? {} : { type: availableType(body.backup_type) }),
      ...(body.suspended === undefined ? {} : { suspended: body.suspended }),
    };
    await orders.ensureReachable();
    const changed = await catalog.changeSchedule(id, organization, patch);
    // Somebody deleted it since.
    if (!changed) throw noSchedule(id);
    await orders.schedule(id);
    return scheduleView(changed, Date.now());
  },
});
