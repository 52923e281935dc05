/** Where a backup can be restored to, and which points in time there are. */
import { z } from '@hono/zod-openapi';
import { instant, text } from './common.ts';

export const restoreLookupRequest = z
  .strictObject({
    backup_id: text('the id of a backup, as GET /backups lists it'),
    service_id: text('the id of the service that the backup is of')
      .optional()
      .openapi({ description: 'The source; may be left out' }),
  })
  .openapi('RestoreLookupRequest');

export const restoreTargets = z
  .strictObject({
    services: z.array(z.strictObject({ service_id: z.string(), service_name: z.string() })),
  })
  .openapi('RestoreTargets');

const pointInTimeService = z.strictObject({
  service_id: z.string(),
  service_name: z.string(),
  start_time: instant,
  end_time: instant,
});

export type PointInTimeService = z.infer<typeof pointInTimeService>;

export const pointInTimeServices = z
  .strictObject({
    services: z
      .array(pointInTimeService)
      .openapi({ description: 'One entry a service: its newest unbroken interval' }),
  })
  .openapi('PointInTimeServices');
