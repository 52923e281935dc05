/**
 * What several operations share. A schema's `error` is a phrase that completes "has to be …": the message about a
 * wrong field is made of it, see api/findings.ts.
 */
import { z } from '@hono/zod-openapi';

/** One of a few words. */
export function oneOf<const T extends readonly string[]>(values: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(values, { error: `one of ${values.join(', ')}` });
}

export function text(what: string): z.ZodString {
  return z.string({ error: what }).min(1, what).max(1000, `${what}, of at most 1000 characters`);
}

/** A whole number in a query string or a path. */
export function digits(least: number, most: number) {
  const phrase = `a whole number from ${least} to ${most}`;
  return z
    .string({ error: phrase })
    .regex(/^\d{1,15}$/, phrase)
    .transform(Number)
    .refine((value) => value >= least && value <= most, phrase)
    .openapi({ type: 'integer', minimum: least, maximum: most });
}

/** A whole number, or the word that makes the service follow the deployment again. */
export function orDefault(least: number, most: number) {
  const phrase = `a whole number from ${least} to ${most}, or "default"`;
  return z.union([z.int(phrase).min(least, phrase).max(most, phrase), z.literal('default')], {
    error: phrase,
  });
}

/** A whole number in a body. */
export function wholeNumber(least: number, most: number) {
  const phrase = `a whole number from ${least} to ${most}`;
  return z.int(phrase).min(least, phrase).max(most, phrase);
}

/** A switch of ours that the contract has and this deployment may not. */
export const flag = oneOf(['true', 'false'])
  .optional()
  .transform((value) => value === 'true')
  .openapi({ type: 'boolean' });

/** Times with whole seconds: `2024-03-26T17:18:57Z`. */
export const instant = z.string().openapi({ format: 'date-time', example: '2024-03-26T17:18:57Z' });

/** `YYYY-MM-DD hh:mm:ss`, UTC. */
export const wallClock = z.string().openapi({ example: '2024-03-26 17:18:21' });

export const progress = z
  .strictObject({
    phase: z.string(),
    percent: z.int(),
    bytes_done: z.int(),
    bytes_total: z.int(),
    bytes_per_second: z.int(),
    eta_seconds: z.int(),
  })
  .openapi('Progress');

/** The query parameters of every list. */
export const paging = {
  page: digits(1, 1_000_000_000).prefault('1').openapi({ default: 1 }),
  page_size: digits(1, 10_000).prefault('50').openapi({ default: 50 }),
  order: oneOf(['asc', 'desc']).default('desc').openapi({ description: 'By the time of creation' }),
  created_before: z.iso
    .datetime({ offset: true, error: 'a time such as 2024-03-26T17:18:57Z' })
    .optional()
    .openapi({
      description: 'Leaves out what was created at this time or later: freezes a walk through the pages',
    }),
};

/** A time in a request. */
export const instantInput = z.iso
  .datetime({ offset: true, error: 'a time such as 2024-03-26T17:18:57Z' })
  .openapi({ format: 'date-time', example: '2024-03-26T17:18:57Z' });

/** The answer of a list: the items of the page, how many match on all pages, and how many pages that is. */
export function listAnswer<K extends string, T extends z.ZodType>(name: K, item: T) {
  return z.strictObject({
    ...({ [name]: z.array(item) } as Record<K, z.ZodArray<T>>),
    ...({ [`${name}_count`]: z.int() } as Record<`${K}_count`, z.ZodInt>),
    pages_count: z.int(),
  });
}

export const serviceFilter = text('a service id').optional();

export const nothing = z.strictObject({});
