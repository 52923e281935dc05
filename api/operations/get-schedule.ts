/** GET /backups/schedules/{id}: one schedule. */
import { findSchedule } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { schedule, scheduleId } from '../schemas/schedule.ts';
import { scheduleView } from '../views/schedule.ts';

export const getSchedule = operation({
  name: 'getSchedule',
  method: 'get',
  path: '/backups/schedules/{id}',
  summary: 'Get a schedule',
  description:
    "The status and message of a one-time schedule are its backup's; of a repeating one, those of its last run, with the next.",
  role: 'viewer',
  params: scheduleId,
  query: nothing,
  answer: schedule,
  errors: ['schedule_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    return scheduleView(await findSchedule(catalog, id, organization), Date.now());
  },
});
