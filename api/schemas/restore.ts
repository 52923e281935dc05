/** Restores in the contract's words. */
import { z } from '@hono/zod-openapi';
import { operationStatuses, restoreModes } from '../../domain/operations.ts';
import { digits, flag, instant, oneOf, paging, progress, serviceFilter, text, wallClock } from './common.ts';
import { externalSource } from './storage.ts';

/** The path segment of one restore. */
export const restoreId = z.strictObject({ id: digits(1, Number.MAX_SAFE_INTEGER) });

export const restore = z
  .strictObject({
    id: z.int(),
    service_id: z.string(),
    service_name: z.string(),
    backup_id: z.string(),
    key: z.string(),
    bucket: z.string(),
    type: z.enum(['physical', 'logical']),
    mode: z.enum(restoreModes),
    status: z.enum(operationStatuses),
    message: z.string(),
    created_at: instant,
    finished_at: instant.optional(),
    point_in_time: wallClock.optional(),
    reached: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .optional()
      .openapi({ description: 'not_after, gtid, timeline, binlog_file, binlog_position' }),
    progress: progress.optional(),
    workflow_id: z.string(),
  })
  .openapi('Restore');

export const restoreList = z
  .strictObject({ restores: z.array(restore), restores_count: z.int(), pages_count: z.int() })
  .openapi('RestoreList');

export const restoreListQuery = z.strictObject({
  ...paging,
  service_id: serviceFilter,
  type: oneOf(['physical', 'logical']).optional(),
  status: oneOf(operationStatuses).optional(),
});

const backupName = 'the id of a backup, as GET /backups lists it';
const source = z
  .union([z.string().min(1).max(1000), z.int()], { error: backupName })
  .transform(String)
  .openapi({ type: 'string', description: backupName });

const point = 'a point in time: YYYY-MM-DD hh:mm:ss in UTC, or RFC 3339';
const gtid = 'a GTID position such as 0-1-42';

/** What a request names besides the backup itself: how far to go, from where, how much of it. */
const furtherFields = {
  point_in_time: z
    .string({ error: point })
    .refine((value) => isInstant(value), point)
    .optional(),
  gtid: z
    .string({ error: gtid })
    .regex(/^\d+-\d+-\d+(,\d+-\d+-\d+)*$/, gtid)
    .optional(),
  before_gtid: z
    .string({ error: gtid })
    .regex(/^\d+-\d+-\d+$/, gtid)
    .optional(),
  latest: z.literal(true, { error: 'true, or left out' }).optional(),
  timeline: text('the id of a timeline').optional(),
  external_source: externalSource.optional(),
  encryption_key: z.string({ error: 'a text' }).optional(),
  include: z
    .array(z.string({ error: 'a database or a table' }).min(1, 'a database or a table'), {
      error: 'a list of databases and tables: ["db", "db.table"]',
    })
    .min(1, 'a list of databases and tables: ["db", "db.table"]')
    .optional(),
  as: text('the name of a new database').optional(),
};

interface Named {
  id?: string | number;
  key?: string | number;
}

const isNamed = ({ id, key }: Named): boolean => id !== undefined || key !== undefined;
const isNamedOnce = ({ id, key }: Named): boolean =>
  id === undefined || key === undefined || String(id) === String(key);
/** Also when other fields are wrong, so that everything is said at once. */
const always = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };

export const restoreRequest = z
  .strictObject({
    id: source.optional(),
    key: source.optional().openapi({ description: 'The same as id' }),
    service_id: text('the id of the service to restore to'),
    mode: oneOf(restoreModes).default('side-by-side'),
    ...furtherFields,
  })
  .refine(isNamed, { ...always, path: ['id'], error: backupName })
  .refine(isNamedOnce, { ...always, path: ['key'], error: 'equal to id, or left out' })
  .openapi('RestoreRequest');

export const restoreQuery = z.strictObject({
  dry_run: flag.openapi({ description: 'Only tells the plan; not available yet' }),
});

/** The optional fields that name something which only later versions can do. */
export const fieldsNotAvailable = Object.keys(furtherFields) as (keyof typeof furtherFields)[];

function isInstant(value: string): boolean {
  const form = /^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d|T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))$/;
  if (!form.test(value)) return false;
  return !Number.isNaN(Date.parse(value.includes('T') ? value : `${value.replace(' ', 'T')}Z`));
}

export type RestoreView = z.infer<typeof restore>;
export type RestoreRequest = z.output<typeof restoreRequest>;
