/** The error object: every answer that is no success has it. */
import { z } from '@hono/zod-openapi';
import { type ErrorName, errorTable } from '../../domain/errors.ts';

const names = Object.keys(errorTable) as ErrorName[];

export const errorAnswer = z
  .strictObject({
    code: z.int().openapi({ description: 'The HTTP status' }),
    errors: z
      .array(
        z.strictObject({
          error: z.enum(names).openapi({ description: 'A stable name, see docs/errors.md' }),
          message: z.string().openapi({ description: 'What is wrong and what would be right' }),
        }),
      )
      .min(1),
    exception: z.string(),
    path: z.string(),
    timestamp: z.int().openapi({ description: 'Unix milliseconds' }),
    trace_id: z.string().openapi({ description: 'The X-Request-Id of this request, as in the log' }),
  })
  .openapi('Error');

export type ErrorAnswer = z.infer<typeof errorAnswer>;
