/** What came of reading a backup's objects back. */
import { z } from '@hono/zod-openapi';
import { operationStatuses } from '../../domain/operations.ts';
import { instant, progress } from './common.ts';

export const verification = z
  .strictObject({
    backup_id: z.string(),
    status: z.enum(operationStatuses).openapi({
      description:
        'Succeeded: the backup is whole. Failed: it is damaged, or, with `damaged_count` 0, it could not be found out; `message` says why',
    }),
    message: z.string(),
    started_at: instant.openapi({ description: 'When it was ordered' }),
    finished_at: instant.optional(),
    objects_count: z.int().openapi({
      description: 'Manifests and parts of the backup, and of those that it builds on; 0 until it has ended',
    }),
    bytes_read: z.int().openapi({ description: 'Bytes of parts; 0 until it has ended' }),
    damaged_count: z.int().openapi({ description: 'How many objects are missing or damaged' }),
    damaged: z
      .array(
        z.strictObject({
          backup_id: z.string().openapi({ description: 'The backup that the object belongs to' }),
          object: z.string().openapi({ description: 'Its key' }),
          location: z.string().optional().openapi({ description: 'Where it lies' }),
          finding: z.string().openapi({ example: 'expected 16777216 bytes, found no such object' }),
        }),
      )
      .openapi({ description: 'The first hundred of them' }),
    progress: progress.optional(),
  })
  .openapi('Verification');

export type VerificationView = z.infer<typeof verification>;
