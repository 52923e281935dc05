/** What is asked of a restore, in the contract's words. */
import { z } from '@hono/zod-openapi';
import { isDay } from '../../domain/days.ts';
import { restoreModes } from '../../domain/operations.ts';
import { type PartProblem, problemsOf } from '../../domain/part.ts';
import { flag, oneOf, text } from './common.ts';
import { encryptionKey, externalSource } from './storage.ts';

const backupName = 'the id of a backup, as GET /backups lists it';
const source = z
  .union([z.string().min(1).max(1000), z.int()], { error: backupName })
  .transform(String)
  .openapi({
    type: 'string',
    description:
      'The id of a backup; with a point in time also the id of the source service; with external_source the path of the object in the bucket',
    example: 'eda3b72460c8c0d9d61a7f01b6a22e32:dbtgf28216706:tx-filip-mdb-ms-0',
  });

const point = 'a point in time: YYYY-MM-DD hh:mm:ss in UTC, or RFC 3339, with up to six digits of a second';
const gtid = 'one GTID, such as 0-1-42';
const included = 'a list of databases and tables: ["db", "db.table"]';

/** What a request names besides the backup itself: how far to go, from where, how much of it. */
const furtherFields = {
  point_in_time: z
    .string({ error: point })
    .refine((value) => isInstant(value), point)
    .optional()
    .openapi({ example: '2024-03-26 17:18:21' }),
  gtid: z
    .string({ error: gtid })
    .regex(/^\d{1,10}-\d{1,10}-\d{1,20}$/, gtid)
    .optional()
    .openapi({ description: 'Stops just after it' }),
  before_gtid: z
    .string({ error: gtid })
    .regex(/^\d{1,10}-\d{1,10}-\d{1,20}$/, gtid)
    .optional()
    .openapi({ description: 'Stops just before it' }),
  latest: z
    .literal(true, { error: 'true, or left out' })
    .optional()
    .openapi({ description: 'Goes as far as there is something' }),
  timeline: text('the id of a timeline').optional(),
  external_source: externalSource.optional(),
  encryption_key: encryptionKey.optional(),
  include: z
    .array(
      z
        .string({ error: 'a database or a table' })
        .regex(/^[^.\p{Cc}]{1,64}(\.[^.\p{Cc}]{1,64})?$/u, 'a database or a table: "db", "db.table"'),
      { error: included },
    )
    .min(1, included)
    .max(1000, included)
    .optional()
    .openapi({ description: 'Brings only these back, into the running server' }),
  as: z
    .string({ error: 'the name of a new database' })
    .regex(/^[^./\\\p{Cc}]{1,64}$/u, 'the name of a new database')
    .optional()
    .openapi({ description: 'The database that what is included goes to' }),
};

/** Of these at most one says how far to go. */
export const pointFields = ['point_in_time', 'gtid', 'before_gtid', 'latest'] as const;

type Fields = Partial<Record<string, unknown>>;

/** Rules between fields: what a field has to be when the others are as they are. */
const rules: [field: string, rule: string, holds: (body: Fields) => boolean][] = [
  ['id', backupName, ({ id, key }) => id !== undefined || key !== undefined],
  [
    'key',
    'equal to id, or left out',
    ({ id, key }) => id === undefined || key === undefined || textOf(id) === textOf(key),
  ],
  ...pointFields.map((field, index): [string, string, (body: Fields) => boolean] => [
    field,
    `left out: one alone of ${pointFields.join(', ')} says how far to go`,
    (body) =>
      body[field] === undefined || pointFields.slice(0, index).every((other) => body[other] === undefined),
  ]),
  [
    'timeline',
    'left out, or beside point_in_time, gtid, before_gtid or latest',
    (body) => body['timeline'] === undefined || pointFields.some((field) => body[field] !== undefined),
  ],
  ['as', 'left out, or beside include', (body) => body['as'] === undefined || body['include'] !== undefined],
  [
    'encryption_key',
    'left out, or beside external_source',
    (body) => body['encryption_key'] === undefined || body['external_source'] !== undefined,
  ],
  [
    'encryption_key',
    'equal to external_source.encryption_key, or left out',
    ({ encryption_key: key, external_source: from }) =>
      key === undefined || !hasKey(from) || from.encryption_key === key,
  ],
];

export const restoreRequest = z
  .strictObject({
    id: source.optional(),
    key: source.optional().openapi({ description: 'The same as id, as clients of 2024 call it' }),
    service_id: text('the id of the service to restore to').openapi({ example: 'dbtgf28044362' }),
    mode: oneOf(restoreModes).default('side-by-side'),
    ...furtherFields,
  })
  .superRefine((body, context) => {
    for (const [field, message, holds] of rules) {
      if (!holds(body)) context.addIssue({ code: 'custom', path: [field], message });
    }
    for (const { field, rule } of partProblems(body)) {
      context.addIssue({ code: 'custom', path: [field], message: rule });
    }
  }, always())
  .openapi('RestoreRequest');

export const restoreQuery = z.strictObject({
  dry_run: flag.openapi({ description: 'Only tells the plan; nothing is started' }),
});

/** Also when other fields are wrong, so that everything is said at once. */
function always(): { when: (payload: { value: unknown }) => boolean } {
  return { when: ({ value }) => typeof value === 'object' && value !== null };
}

/** Told of what is well formed by itself. */
function partProblems({ include, as, mode }: Fields): PartProblem[] {
  if (!Array.isArray(include) || !include.every((name) => typeof name === 'string')) return [];
  const inPlace = mode === 'in-place' ? mode : 'side-by-side';
  return problemsOf({ include, ...(typeof as === 'string' && { as }) }, inPlace);
}

/** A number and the same in digits name the same. */
function textOf(value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value;
}

function hasKey(value: unknown): value is { encryption_key: unknown } {
  return typeof value === 'object' && value !== null && 'encryption_key' in value;
}

function isInstant(value: string): boolean {
  const form =
    /^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,9})?|T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))$/;
  if (!form.test(value) || !isDay(value.slice(0, 10))) return false;
  return !Number.isNaN(Date.parse(value.includes('T') ? value : `${value.replace(' ', 'T')}Z`));
}

export type RestoreRequest = z.output<typeof restoreRequest>;
