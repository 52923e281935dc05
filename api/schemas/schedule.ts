/** Schedules in the contract's words. */
import { z } from '@hono/zod-openapi';
import { backupTypes, operationStatuses } from '../../domain/operations.ts';
import { cronRule, parseSchedule, scheduleRule } from '../../domain/schedule.ts';
import { requestedType } from './backup.ts';
import { digits, flag, instant, paging, serviceFilter, text } from './common.ts';
import { externalStorage, shownStorage } from './storage.ts';

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
    external_storage: shownStorage.optional(),
    cloud_provider: z.string().optional(),
    created_at: instant,
    updated_at: instant,
    scheduled_at: instant.optional(),
    backup_id: z.string().optional(),
  })
  .openapi('Schedule');

/** In its normal form. */
const scheduleText = z
  .string({ error: scheduleRule })
  .transform((value, context) => {
    const parsed = parseSchedule(value);
    if ('schedule' in parsed) return parsed.schedule;
    context.addIssue({ code: 'custom', message: `${scheduleRule} (${parsed.wrong})` });
    return z.NEVER;
  })
  .openapi({ type: 'string', description: scheduleRule });

/** What `explain=true` answers: a schedule that was not made, so without what only one that was made has. */
export const explainedSchedule = schedule
  .omit({ id: true, created_at: true, updated_at: true, backup_id: true })
  .extend({ next_runs: z.array(instant) })
  .openapi('ExplainedSchedule');

export const scheduleId = z.strictObject({ id: digits(1, Number.MAX_SAFE_INTEGER) });

export const scheduleRequest = z
  .strictObject({
    backup_type: requestedType,
    schedule: scheduleText.openapi({ example: 'once' }),
    service_id: text('a service id'),
    external_storage: externalStorage.optional(),
  })
  .openapi('ScheduleRequest');

const someOfThem = 'an object with at least one of schedule, backup_type and suspended';

export const scheduleUpdate = z
  .strictObject(
    {
      schedule: scheduleText
        .refine((value) => value !== 'once', `${cronRule} (a schedule that repeats stays one)`)
        .openapi({ type: 'string', description: cronRule, example: '0 3 * * *' })
        .optional(),
      backup_type: requestedType.optional(),
      suspended: z.boolean({ error: 'true or false' }).optional(),
    },
    { error: someOfThem },
  )
  .refine((body) => Object.values(body).some((value) => value !== undefined), someOfThem)
  .openapi('ScheduleUpdate');

export const scheduleList = z
  .strictObject({ schedules: z.array(schedule), schedules_count: z.int(), pages_count: z.int() })
  .openapi('ScheduleList');

export const scheduleListQuery = z.strictObject({
  ...paging,
  service_id: serviceFilter,
  type: requestedType.optional(),
});

export const scheduleQuery = z.strictObject({
  explain: flag.openapi({ description: 'Only tells what would be made, and its next three runs' }),
});

export type ScheduleView = z.infer<typeof schedule>;
export type ScheduleRequest = z.output<typeof scheduleRequest>;
export type ExplainedSchedule = z.infer<typeof explainedSchedule>;
