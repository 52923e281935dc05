/** GET /backups/schedules/{id}: one schedule. */
import { z } from '@hono/zod-openapi';
import { TidemarkError } from '../../domain/errors.ts';
import { operation } from '../operation.ts';
import { digits, nothing } from '../schemas/common.ts';
import { schedule } from '../schemas/schedule.ts';
import { scheduleView } from '../views/schedule.ts';

export const getSchedule = operation({
  name: 'getSchedule',
  method: 'get',
  path: '/backups/schedules/{id}',
  summary: 'Get a schedule',
  description: "The status and message of a one-time schedule are its backup's.",
  role: 'viewer',
  params: z.strictObject({ id: digits(1, Number.MAX_SAFE_INTEGER) }),
  query: nothing,
  answer: schedule,
  errors: ['schedule_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    const record = await catalog.findSchedule(id, organization);
    if (!record) throw new TidemarkError('schedule_not_found', `There is no schedule ${id}.`);
    const service = await catalog.findService(record.serviceId, organization);
    return scheduleView(record, service?.cloudProvider ?? '');
  },
});
