/** What a service's retention keeps, and what it does. Additions of ours. */
import { z } from '@hono/zod-openapi';
import { backupTypes, operationStatuses } from '../../domain/operations.ts';
import {
  keepPeriods,
  largestKeep,
  largestMinFulls,
  longestRetentionDays,
} from '../../domain/retention/policy.ts';
import { instant, orDefault, wholeNumber } from './common.ts';

const count = wholeNumber(0, largestKeep).optional();
const counts = { daily: count, weekly: count, monthly: count, yearly: count };

const keep = z
  .strictObject(counts, { error: `an object with ${keepPeriods.join(', ')}` })
  .refine((given) => Object.values(given).some((value) => value !== undefined && value > 0), {
    error: `with at least one of ${keepPeriods.join(', ')} above 0`,
  });

export const retentionChange = z
  .strictObject(
    {
      days: orDefault(1, longestRetentionDays).optional(),
      keep: keep.optional(),
      min_fulls: orDefault(1, largestMinFulls).optional(),
    },
    { error: 'an object with days, keep and min_fulls' },
  )
  .refine((given) => Object.keys(given).length > 0, { error: 'with days, keep or min_fulls' })
  .refine(({ days, keep: others }) => days !== 'default' || others === undefined, {
    path: ['keep'],
    error: 'left out when days is "default", which takes both back',
  })
  .openapi({
    description:
      'What is kept: what ended within so many `days`; the newest of each of so many days, weeks, months and years (`keep`); and whatever their age the newest `min_fulls` full backups. A backup stays as long as one of them keeps it, or something that does builds on it. `days` and `keep` take the place of both that were set.',
    example: { days: 7, keep: { weekly: 5, monthly: 12 }, min_fulls: 2 },
  });

/** Part of a service, as it is shown. */
export const retentionView = z.strictObject({
  days: z.int().optional().openapi({ description: 'Left out: nothing is kept for its age alone' }),
  keep: z
    .strictObject({
      daily: z.int().optional(),
      weekly: z.int().optional(),
      monthly: z.int().optional(),
      yearly: z.int().optional(),
    })
    .optional(),
  min_fulls: z.int(),
  origin: z.enum(['service', 'deployment']).openapi({ description: 'Who says so of days and keep' }),
});

const verdict = z.strictObject({
  id: z.string(),
  type: z.enum(backupTypes),
  status: z.enum(operationStatuses),
  created_at: instant,
  storage_bytes: z.int(),
  reason: z.string(),
});

const binlogFile = z.strictObject({
  timeline: z.string(),
  file: z.string(),
  storage_bytes: z.int(),
});

export const retentionPlan = z
  .strictObject({
    service_id: z.string(),
    policy: retentionView,
    remove: z.array(verdict).openapi({ description: 'What has expired, in the order in which it goes' }),
    remove_bytes: z.int().openapi({ description: 'What that frees' }),
    keep: z.array(verdict).openapi({ description: 'What stays, newest first, and why' }),
    binlogs: z.array(binlogFile).openapi({
      description:
        'Archived binlogs that no backup could use any more once what expired is gone; the first thousand',
    }),
  })
  .openapi('RetentionPlan');

export type RetentionPlanView = z.infer<typeof retentionPlan>;
