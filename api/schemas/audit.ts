/** The audit, an addition of ours. */
import { z } from '@hono/zod-openapi';
import { type ErrorName, errorTable } from '../../domain/errors.ts';
import { roles } from '../../domain/operations.ts';
import { credentialKinds } from '../auth/caller.ts';
import { oneOf, paging, text } from './common.ts';

const auditOutcomes = ['succeeded', 'refused', 'failed', 'unfinished'] as const;

const time = z.string().openapi({ format: 'date-time', example: '2024-03-26T17:18:57.123Z' });

const auditEntry = z
  .strictObject({
    id: z.int(),
    created_at: time.openapi({ description: 'When it was asked' }),
    finished_at: time.optional(),
    operation: z.string().openapi({ description: 'The operationId', example: 'createRestore' }),
    method: z.string(),
    path: z.string(),
    subject: z.string().openapi({ description: 'Who asked: as GET /whoami tells it' }),
    how: z.enum([...credentialKinds, 'deployment']).openapi({
      description:
        'As GET /whoami tells it; `deployment`: nobody asked, Tidemark says what became of an order that it could not carry out',
    }),
    role: z
      .enum(roles)
      .optional()
      .openapi({ description: 'Left out where the credentials have none, and were refused for that' }),
    address: z.string().openapi({ description: "The client's" }),
    service_ids: z.array(z.string()),
    record_ids: z.array(z.string()).openapi({
      description:
        'What else was named or made: backups, schedules, restores, agents. An id stays when its record goes',
    }),
    outcome: z.enum(auditOutcomes).openapi({
      description:
        'refused: 4xx, failed: 5xx; unfinished: not answered yet, or the process ended before it could say how it ended',
    }),
    status: z.int().optional(),
    error: z.enum(Object.keys(errorTable) as ErrorName[]).optional(),
    replayed: z
      .boolean()
      .openapi({ description: 'Nothing was done: an Idempotency-Key had kept the answer' }),
    request_id: z.string(),
  })
  .openapi('AuditEntry');

export const auditList = z
  .strictObject({ entries: z.array(auditEntry), entries_count: z.int(), pages_count: z.int() })
  .openapi('AuditList');

export const auditQuery = z.strictObject({
  ...paging,
  operation: text('the name of an operation, such as createRestore').optional(),
  subject: text('who asked, as the entries tell it').optional(),
  outcome: oneOf(auditOutcomes).optional(),
});

export type AuditEntryView = z.infer<typeof auditEntry>;
