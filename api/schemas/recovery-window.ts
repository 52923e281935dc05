/** What a service can be brought back to. An addition of ours. */
import { z } from '@hono/zod-openapi';
import { windowHoleCauses } from '../../domain/archive/window-holes.ts';

const exact = z.string().openapi({
  format: 'date-time',
  example: '2024-03-26T17:18:57.250031Z',
  description: 'To the microsecond',
});

const timeline = z.string().optional().openapi({
  description: 'Left out for the own instant of a backup that is on no known timeline',
});

export const recoveryWindow = z
  .strictObject({
    service_id: z.string(),
    intervals: z
      .array(
        z.strictObject({
          start_time: exact,
          end_time: exact,
          start_gtid: z.string().optional(),
          end_gtid: z.string().optional().openapi({
            description: 'The states at both ends, where they are known without reading binlogs',
          }),
          timeline,
          current: z.boolean().openapi({
            description:
              'Whether it is on the timeline that the server is on, or on one that leads to it: meant where no timeline is named',
          }),
          resolution: z.enum(['commit_clock', 'event_time']).openapi({
            description:
              'commit_clock: an instant is exact; event_time: nobody looked at the clock of the server, and an instant is as exact as the times of its events',
          }),
          event_time: z
            .array(z.strictObject({ start_time: exact, end_time: exact }))
            .openapi({ description: 'Parts of it whose resolution is event_time' }),
          chain: z.array(z.string()).openapi({
            description: 'The backups that a restore to its end begins with, from the full on',
          }),
          estimated_seconds: z.int().openapi({ description: 'How long a restore to its end would take' }),
        }),
      )
      .openapi({
        description: 'Unbroken; one that starts where it ends is the own instant of a backup',
      }),
    holes: z.array(
      z.strictObject({
        start_time: exact,
        end_time: exact.optional().openapi({ description: 'Left out while it goes on' }),
        timeline,
        cause: z.enum(windowHoleCauses),
        message: z.string(),
      }),
    ),
  })
  .openapi('RecoveryWindow');

export type RecoveryWindowView = z.infer<typeof recoveryWindow>;
