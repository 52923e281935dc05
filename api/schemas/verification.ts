/** What came of reading a backup's objects back. */
import { z } from '@hono/zod-openapi';
import { operationStatuses } from '../../domain/operations.ts';
import { instant } from './common.ts';

export const verification = z
  .strictObject({
    backup_id: z.string(),
    status: z.enum(operationStatuses),
    message: z.string(),
    started_at: instant,
    finished_at: instant.optional(),
    objects_count: z.int(),
    bytes_read: z.int(),
    damaged: z.array(z.string()).openapi({ description: 'Keys of objects that are missing or damaged' }),
  })
  .openapi('Verification');
