/**
 * Kinds of values that settings have. What is allowed is said once, in the metadata `allowed`: the message about
 * a wrong value, `--help` and docs/configuration.md all read it there.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { recipientFault, recipientRule } from '../domain/age.ts';
import { unencryptedChoices } from '../domain/encryption.ts';
import { endpointRule, isEndpointEntry } from '../domain/endpoints.ts';
import { isServerName, isServiceId } from '../domain/ids.ts';
import { nightlyWindowRule, parseNightlyWindow } from '../domain/nightly.ts';
import { longestRetentionDays } from '../domain/retention/policy.ts';

/** A text of a certain form; `allowed` says which. */
function text(form: RegExp, allowed: string): z.ZodString {
  return z.string().regex(form, allowed).meta({ allowed });
}

/** A whole number; from the environment it comes as digits. */
export function wholeNumber(least: number, most: number): z.ZodPreprocess<z.ZodInt> {
  const fromDigits = (value: unknown): unknown =>
    typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return z.preprocess(fromDigits, z.int().min(least).max(most));
}

/** From the environment it comes as a word. */
export const trueOrFalse = z.preprocess(
  (value) => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean(),
);

export const port = wholeNumber(0, 65_535);

export const retentionDays = wholeNumber(1, longestRetentionDays);

export const nightlyWindow = z
  .string()
  .refine((value) => parseNightlyWindow(value) !== undefined, nightlyWindowRule)
  .meta({ allowed: nightlyWindowRule });

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const longestMs = 366 * 86_400_000;

/** `500ms`, `30s`, `10m`, `24h`, `7d` → milliseconds; 0 is none, a year the most. */
export const duration = text(
  /^\d{1,9}(ms|s|m|h|d)$/,
  'a whole number and a unit: 500ms, 30s, 10m, 24h or 7d',
).transform((value) => {
  const [, number, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(value) ?? [];
  return Math.min(Number(number) * (units[unit ?? ''] ?? 0), longestMs);
});

/** A duration that must not be 0: nothing waits, or repeats, for no time at all. */
export const interval = duration
  .refine((milliseconds) => milliseconds >= 100, 'at least 100ms')
  .meta({ allowed: 'at least 100ms: a whole number and a unit: 500ms, 30s, 10m, 24h or 7d' });

const spreadRule = 'at most 12h: a whole number and a unit: 500ms, 30s, 10m or 12h; 0s: not at all';

/** A stretch of time over which work is spread. */
export const spread = duration
  .refine((milliseconds) => milliseconds <= 12 * 3_600_000, spreadRule)
  .meta({ allowed: spreadRule });

const sizes: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

const byteSizes = 'a whole number of bytes, or one with K, M, G or T: 16M';

/** `16M`, `1G`, `4096` → bytes. A plain number is one in YAML, too. */
export const byteSize = z
  .preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    text(/^\d{1,12}[KMGT]?$/, byteSizes),
  )
  .transform((value) => {
    const [, number, unit] = /^(\d+)([KMGT]?)$/.exec(value) ?? [];
    return Number(number) * (sizes[unit ?? ''] ?? 1);
  });

/** As {@link byteSize}, from one to another that are written alike. @example byteSizeWithin('64K', '1G') */
export function byteSizeWithin(least: string, most: string) {
  const [from, to] = [byteSize.parse(least), byteSize.parse(most)];
  const allowed = `${byteSizes}, from ${least} to ${most}`;
  return byteSize.refine((bytes) => bytes >= from && bytes <= to, allowed).meta({ allowed });
}

/** Where objects are kept; storage/open.ts says more of what is wrong with one. */
export const storageLocation = text(
  /^(file:\/\/\/.+|(s3|gs):\/\/[A-Za-z0-9._-]{1,222}(\/(?!(.*\/)?\.\.?(\/|$)).*)?)$/s,
  'a local directory as file:///path, or a bucket as s3://bucket/prefix or gs://bucket/prefix',
).describe('Where backups are stored');

export const catalogLocation = text(
  /^(sqlite:\/\/\/|postgres(ql)?:\/\/).+/,
  'sqlite:///path/of/file or postgres://user@host:port/database',
).describe('The catalog database; a password comes by catalog_password_file');

const nameCharacters = 'letters, digits, ".", "_" and "-", at most 100';
const serviceIdRule = `${nameCharacters}, and not schedules, status, lookup or pointintime`;

export const serviceId = z.string().refine(isServiceId, serviceIdRule).meta({ allowed: serviceIdRule });

export const serverName = z.string().refine(isServerName, nameCharacters).meta({ allowed: nameCharacters });

export const absolutePath = text(/^\//, 'an absolute path');

export const filePath = text(/./, 'the path of a file');

const networks = 'addresses and networks, separated by commas: 10.0.0.0/8, fd00::1';

/** A list in one text, since it comes from the environment, or a list where it stands in a file. */
export const networkList = z
  .preprocess(
    (value) => (Array.isArray(value) ? value.join(',') : value),
    z.string().refine((value) => listed(value).every(isNetwork), networks),
  )
  .transform(listed)
  .meta({ allowed: networks });

const endpoints = 'a list, or in one text separated by commas, each '.concat(endpointRule);

/** Hosts, with a port or without one. */
export const endpointList = z
  .preprocess(
    (value) => (Array.isArray(value) ? value.join(',') : value),
    z.string().refine((value) => listed(value).every(isEndpointEntry), endpoints),
  )
  .transform(listed)
  .meta({ allowed: endpoints });

const recipients = 'a list, or in one text separated by commas, each '.concat(recipientRule);

/** age public keys; each is checked, and told by itself when it is none. */
export const recipientList = z
  .preprocess(
    (value) => (Array.isArray(value) ? value.join(',') : value),
    z.string().superRefine((value, context) => {
      for (const entry of listed(value)) {
        const fault = recipientFault(entry);
        if (fault) context.addIssue({ code: 'custom', message: fault, params: { entry } });
      }
    }),
  )
  .transform((value) => [...new Set(listed(value))])
  .meta({ allowed: recipients });

export const unencryptedBackups = z.enum(unencryptedChoices);

function listed(value: string): string[] {
  return value.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}

/** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8` */
function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32));
}

export const logLevel = z
  .enum(['trace', 'debug', 'info', 'warn', 'error'])
  .describe('The least that is logged');
