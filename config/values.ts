/** Kinds of values that settings have, each with the sentence that says what is allowed. */
import { z } from 'zod';

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `10m`, `24h`, `7d` → milliseconds. */
export const duration = z
  .string()
  .regex(/^\d+(ms|s|m|h|d)$/, 'a whole number and a unit: 500ms, 30s, 10m, 24h or 7d')
  .transform((text) => {
    const [, number, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
    return Number(number) * (units[unit ?? ''] ?? 0);
  });

const sizes: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** `16M`, `1G`, `4096` → bytes. */
export const byteSize = z
  .string()
  .regex(/^\d+[KMGT]?$/, 'a whole number of bytes, or one with K, M, G or T: 16M')
  .transform((text) => {
    const [, number, unit] = /^(\d+)([KMGT]?)$/.exec(text) ?? [];
    return Number(number) * (sizes[unit ?? ''] ?? 1);
  });

/** Where objects are kept. Only local directories so far. */
export const storageLocation = z
  .string()
  .regex(/^file:\/\/\/.+/, 'a local directory as file:///path')
  .describe('Where backups are stored');

export const absolutePath = z.string().regex(/^\//, 'an absolute path');

export const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error']);
