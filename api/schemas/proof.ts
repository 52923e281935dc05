/** What came of drills, which bring a service back elsewhere and check it. Additions of ours. */
import { z } from '@hono/zod-openapi';
import { operationStatuses } from '../../domain/operations.ts';
import { instant, listAnswer, paging, progress } from './common.ts';

/** With six digits of a second. */
const microInstant = z.string().openapi({ format: 'date-time', example: '2024-03-26T17:18:57.482113Z' });
const seconds = z.number().openapi({ example: 41.7 });

export const proof = z
  .strictObject({
    id: z.int(),
    service_id: z.string(),
    status: z.enum(operationStatuses).openapi({
      description:
        'Failed: the service was not proven; `error` and `message` say why. Cancelled: it ended before anything was found out, because it was called off, or no prover was free (`prover_busy`)',
    }),
    message: z.string(),
    error: z.string().optional().openapi({
      description: 'The stable name of why it failed, or found nothing out, as in errors',
      example: 'proof_failed',
    }),
    started_at: instant.openapi({ description: 'When it was ordered, or its schedule came due' }),
    finished_at: instant.optional(),
    backup_id: z
      .string()
      .optional()
      .openapi({ description: 'The newest backup that was restored; binlogs were replayed onto it' }),
    point_in_time: microInstant
      .optional()
      .openapi({ description: 'The instant of the recovery window that was drawn' }),
    reached: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .optional()
      .openapi({ description: 'What the copy was brought to, as in a restore' }),
    prover: z
      .strictObject({
        service_id: z.string().openapi({ description: 'The service that its agent speaks for' }),
        hostname: z.string(),
        own_host: z
          .boolean()
          .openapi({ description: 'It is the host of the service itself, whose loss was not practised' }),
      })
      .optional(),
    seconds: z
      .strictObject({
        fetching: seconds,
        preparing: seconds,
        replaying: seconds,
        checking: seconds,
        total: seconds,
      })
      .optional()
      .openapi({ description: 'How long it took' }),
    tables: z.int().optional().openapi({ description: 'Of users; each was checked' }),
    rows: z.int().optional(),
    checksum: z
      .string()
      .optional()
      .openapi({ description: 'Over the names, row counts and checksums of these tables: SHA-256' }),
    progress: progress.optional(),
  })
  .openapi('Proof');

export const proofQuery = z.strictObject(paging);
export const proofList = listAnswer('proofs', proof).openapi('ProofList');

/** Part of a service, as it is shown. */
export const drillView = z.strictObject({
  schedule: z.string().openapi({ example: '0 5 * * 0' }),
  next_run: instant,
});

/** Likewise. */
export const lastProof = z.strictObject({
  id: z.int(),
  status: z.enum(['Succeeded', 'Failed']),
  message: z.string(),
  finished_at: instant,
  point_in_time: microInstant.optional(),
  seconds: z.number().optional().openapi({ description: 'How long it took' }),
});

export type ProofView = z.infer<typeof proof>;
