/** Transactions of archived binlogs. An addition of ours. */
import { z } from '@hono/zod-openapi';
import { transactionKinds } from '../../domain/archive/transactions.ts';
import { digits, instantInput, text } from './common.ts';

export const transactionsQuery = z
  .strictObject({
    from: instantInput.optional(),
    to: instantInput.optional(),
    table: z
      .string()
      .regex(/^[^.]{1,64}\.[^.]{1,64}$/, 'a table as database.table')
      .optional()
      .openapi({
        description:
          'Only those that touch it, and those of which nobody can tell what they touch. Not those that touch it by a foreign key alone: ask for the table that it refers to as well',
        example: 'shop.orders',
      }),
    timeline: text('the id of a timeline').optional().openapi({
      description: 'Left out: the one that the server is on, with its ancestors as far as each was left',
    }),
    page_size: digits(1, 1_000).prefault('100').openapi({ default: 100 }),
    after: text('the "next" of the answer before').optional(),
  })
  .refine(({ from = '', to = '' }) => !(Date.parse(from) > Date.parse(to)), {
    path: ['to'],
    error: 'a time that is not before "from"',
  });

const microInstant = z.string().openapi({ format: 'date-time', example: '2024-03-26T17:18:57.25Z' });

export const transactions = z
  .strictObject({
    transactions: z.array(
      z.strictObject({
        gtid: z.string().openapi({ example: '0-1-4711' }),
        timeline: z.string(),
        time: microInstant.openapi({
          description:
            'By when it had been written: a restore to this instant or a later one has it. Where nobody sampled the clock of the server, what its events say',
        }),
        not_before: microInstant
          .optional()
          .openapi({ description: 'It had not been written then: a restore to this instant leaves it out' }),
        resolution: z.enum(['commit_clock', 'event_time']),
        kind: z.enum(transactionKinds),
        statements: z.array(z.string()).openapi({ example: ['DROP TABLE'] }),
        tables: z
          .array(z.string())
          .openapi({ example: ['shop.orders'], description: '`database.*` of a database as a whole' }),
        tables_known: z.boolean().openapi({
          description:
            'Whether these are all that its events name. False where it is kept as a statement that changes rows, whose triggers and functions may change other tables. Rows that a foreign key changes along (`ON DELETE CASCADE`) are in no binlog: their tables are not named',
        }),
        size_bytes: z.int(),
        binlog_file: z.string(),
        binlog_position: z.int(),
      }),
    ),
    next: z.string().optional().openapi({
      description: 'There is more: ask for it with this as `after`. A page may be empty and have it',
    }),
  })
  .openapi('Transactions');

export type TransactionsView = z.infer<typeof transactions>;
