/** Schedules in the contract's words. */
import { z } from '@hono/zod-openapi';
import { backupTypes, operationStatuses } from '../../domain/operations.ts';
import { parseSchedule, scheduleRule } from '../../domain/schedule.ts';
import { requestedType } from './backup.ts';
import { flag, instant, text } from './common.ts';
import { externalStorage } from './storage.ts';

export const schedule = z
  .strictObject({
    id: z.int(),
    service_id: z.string(),
    service_name: z.string(),
    schedule: z.string(),
    type: z.enum(backupTypes),
    status: z.enum([...operationStatuses, 'Suspended']),
    message: z.string(),
    suspended: z.boolean(),
    labels: z.record(z.string(), z.string()),
    cloud_provider: z.string().optional(),
    created_at: instant,
    updated_at: instant,
    scheduled_at: instant.optional(),
    backup_id: z.string().optional(),
  })
  .openapi('Schedule');

export const scheduleRequest = z
  .strictObject({
    backup_type: requestedType,
    schedule: z
      .string({ error: scheduleRule })
      .transform((value, context) => {
        const parsed = parseSchedule(value);
        if ('schedule' in parsed) return parsed.schedule;
        context.addIssue({ code: 'custom', message: `${scheduleRule} (${parsed.wrong})` });
        return z.NEVER;
      })
      .openapi({ type: 'string', description: scheduleRule, example: 'once' }),
    service_id: text('a service id'),
    external_storage: externalStorage.optional(),
  })
  .openapi('ScheduleRequest');

export const scheduleQuery = z.strictObject({
  explain: flag.openapi({ description: 'Only tells the next runs; not available yet' }),
});

export type ScheduleView = z.infer<typeof schedule>;
export type ScheduleRequest = z.output<typeof scheduleRequest>;
