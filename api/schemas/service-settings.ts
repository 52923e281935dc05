/** What a service can be set to. Additions of ours. */
import { z } from '@hono/zod-openapi';
import { copyLocation } from '../../domain/copies.ts';
import { recipientFault, recipientRule } from '../../domain/age.ts';
import { unencryptedChoices } from '../../domain/encryption.ts';
import { parseSchedule } from '../../domain/schedule.ts';
import { parseDuration } from '../../domain/durations.ts';
import { orDefault, wholeNumber } from './common.ts';
import { retentionChange } from './retention.ts';

const recipientsRule = `a list, each ${recipientRule}; or "default"`;

const truth = z.union([z.boolean(), z.literal('default')], { error: 'true, false or "default"' });

const keptRule = 'from 10m to 365d, a whole number and a unit: 10m, 24h or 7d; or "default"';
const keptFor = z
  .string({ error: keptRule })
  .regex(/^([1-9]\d{0,8}(ms|s|m|h|d)|default)$/, keptRule)
  .refine((value) => {
    const ms = parseDuration(value);
    return value === 'default' || (ms >= 600_000 && ms <= 365 * 86_400_000);
  }, keptRule)
  .openapi({ example: '24h' });

const intervalRule = 'from 1s to 1d, a whole number and a unit: 10s, 5m or 1h; or "default"';
const archiveInterval = z
  .string({ error: intervalRule })
  .regex(/^([1-9]\d{0,8}(ms|s|m|h|d)|default)$/, intervalRule)
  .refine((value) => {
    const ms = parseDuration(value);
    return value === 'default' || (ms >= 1_000 && ms <= 86_400_000);
  }, intervalRule)
  .openapi({ example: '10s' });

function listOf<T extends z.ZodType>(item: T, phrase: string) {
  return z.array(item, { error: phrase }).max(100, phrase);
}

const recipients = z
  .union([listOf(recipient(), recipientsRule), z.literal('default')], { error: recipientsRule })
  .transform((value) => (value === 'default' ? value : [...new Set(value)]));

const locationRule = 'a location that the deployment names in its setting "copies"';
const copiesRule = `a list, each ${locationRule}; or "default"`;
const copies = z
  .union(
    [
      listOf(z.string({ error: locationRule }).min(1, locationRule), copiesRule),
      z.literal('default'),
      z.null(),
    ],
    {
      error: copiesRule,
    },
  )
  .transform((value) =>
    Array.isArray(value) ? [...new Set(value.map(copyLocation))] : ('default' as const),
  );
const database = 'the name of a database, without a dot: a dump leaves out whole databases, and no tables';
const databasesRule = `a list, each ${database}; or "default"`;
const databases = z
  .union(
    [
      listOf(z.string({ error: database }).regex(/^[^.]{1,64}$/, database), databasesRule),
      z.literal('default'),
    ],
    { error: databasesRule },
  )
  .transform((value) => (value === 'default' ? [] : [...new Set(value)]));
const drillRule = 'a cron expression of five fields in UTC, such as "0 5 * * 0", or "off"';

/** Each is checked by itself, so that the one that was mistyped is told. */
function recipient() {
  return z.string({ error: recipientRule }).superRefine((value, context) => {
    const fault = recipientFault(value);
    if (fault) context.addIssue({ code: 'custom', message: `${recipientRule}; this one ${fault}` });
  });
}

export const serviceSettingsRequest = z
  .strictObject({
    retention: retentionChange.optional(),
    nightly: z
      .strictObject(
        { hour: orDefault(0, 23), minute: wholeNumber(0, 59).optional() },
        { error: 'an object with hour' },
      )
      .optional()
      .openapi({
        description:
          "When the nightly full backup begins, in UTC; without a minute at one of the service's own. Brings it back where it was deleted.",
        example: { hour: 3 },
      }),
    encryption: z
      .strictObject({ recipients }, { error: 'an object with recipients' })
      .optional()
      .openapi({
        description:
          "Whom new backups are encrypted for, in place of the deployment's recipients: age public keys. Those that the agent's own settings name stay, whatever is set here.",
        example: { recipients: ['age10vnyg8t84pqgcf5u2j3yee5nkcwtqek0wk3y40l4m4asslxu05kqews0rl'] },
      }),
    copies: copies.optional().openapi({
      description:
        'Where its backups are copied to, in place of what the deployment says: locations that the deployment knows. An empty list: nowhere; `"default"`, or null: as the deployment says',
      example: ['gs://backups-elsewhere/production'],
    }),
    chain: z
      .strictObject(
        {
          incremental_base: z
            .enum(['last', 'full', 'default'], { error: '"last", "full" or "default"' })
            .optional(),
          max_chain: orDefault(0, 1000).optional(),
          max_share: orDefault(1, 1000).optional(),
        },
        { error: 'an object with incremental_base, max_chain and max_share' },
      )
      .optional()
      .openapi({
        description:
          'How chains of incrementals grow. `incremental_base`: what one builds on, the newest backup of the chain (`last`) or its full. `max_chain`: the most that a restore has to apply. `max_share`: how much they may have together, in percent of the full. What is not named here stays.',
        example: { incremental_base: 'last', max_chain: 7 },
      }),
    binlog: z
      .strictObject(
        {
          archive: truth.optional(),
          interval: archiveInterval.optional(),
          full_after_hole: truth.optional(),
        },
        { error: 'an object with archive, interval and full_after_hole' },
      )
      .optional()
      .openapi({
        description:
          'Archiving of its binlogs, from its first full backup on. `archive`: whether. `interval`: how long what is new waits at most until it is shipped. `full_after_hole`: whether a full is taken at once where binlogs are missing, or the server goes on with others. What is not named here stays.',
        example: { archive: true, interval: '10s' },
      }),
    dump: z
      .strictObject(
        { include: databases.optional(), exclude: databases.optional() },
        { error: 'an object with include and exclude' },
      )
      .optional()
      .openapi({
        description:
          'Which databases a dump holds: those that `include` names, or all, without those that `exclude` names. Where one of them names any, a dump has no accounts, and a restore of it replaces its databases alone. An empty list, or `"default"`: as if it was never set. What is not named here stays.',
        example: { exclude: ['scratch'] },
      }),
    drill: z
      .string({ error: drillRule })
      .transform((value, context) => {
        const drill = value === 'off' ? value : cronOf(value);
        if (drill !== undefined) return drill;
        context.addIssue({ code: 'custom', message: drillRule });
        return z.NEVER;
      })
      .optional()
      .openapi({
        description:
          'When the service is brought back elsewhere to a random instant of its recovery window and checked, in UTC; `"off"`: only when asked for',
        example: '0 5 * * 0',
      }),
    keep_previous: keptFor.optional().openapi({
      description:
        'How long the data that a restore replaces is kept, so that the restore can be undone; it goes earlier where room is short. Holds for restores that are ordered from now on. `"default"`: as the agent\'s own setting restore.keep_previous says',
    }),
  })
  .refine((body) => Object.keys(body).length > 0, {
    path: [],
    error: 'with at least one setting',
  })
  .refine(({ nightly }) => nightly?.minute === undefined || nightly.hour !== 'default', {
    path: ['nightly', 'minute'],
    error: 'left out when hour is "default"',
  })
  .openapi('ServiceSettings');

/** In its normal form; undefined for what is none. */
function cronOf(value: string): string | undefined {
  const parsed = parseSchedule(value);
  return 'schedule' in parsed && parsed.schedule !== 'once' ? parsed.schedule : undefined;
}

/** Part of a service, as it is shown. */
export const encryptionView = z.strictObject({
  recipients: z.array(z.string()),
  origin: z.enum(['service', 'deployment']).openapi({ description: 'Who says so' }),
  pinned: z
    .array(z.string())
    .openapi({ description: "What the agent's own settings add: no call of the API takes it away" }),
  unencrypted: z
    .enum(unencryptedChoices)
    .openapi({ description: 'Whether a backup may be taken that is encrypted for nobody' }),
});

/** Part of a service, as it is shown. */
export const copiesView = z.strictObject({
  locations: z.array(z.string()),
  origin: z.enum(['service', 'deployment']).openapi({ description: 'Who says so' }),
});

/** Part of a service, as it is shown. */
export const dumpView = z.strictObject({ include: z.array(z.string()), exclude: z.array(z.string()) });

/** Part of a service, as it is shown. */
export const binlogArchiveView = z.strictObject({
  archive: z.boolean(),
  interval: z.string(),
  full_after_hole: z.boolean(),
});

/** Part of a service, as it is shown. */
export const chainView = z.strictObject({
  incremental_base: z.enum(['last', 'full']),
  max_chain: z.int(),
  max_share: z.int(),
});

export type ServiceSettingsRequest = z.output<typeof serviceSettingsRequest>;
