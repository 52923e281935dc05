/** Makes sentences of what a schema found wrong: which field, and what would be right. */
import type { z } from '@hono/zod-openapi';
import { withoutSecretKeys } from '../domain/age.ts';
import type { ErrorItem, ErrorName } from '../domain/errors.ts';

/** Where a value came from, as messages call it. */
export type Place = 'field' | 'query parameter' | 'path segment';

/** Fields whose values are never repeated. */
const secretFields = new Set(['credentials', 'encryption_key']);

/**
 * @param names error names of fields for which the table has one of their own
 */
export function findingsOf(
  error: z.ZodError,
  place: Place,
  values: unknown,
  names: Record<string, ErrorName> = {},
): ErrorItem[] {
  return error.issues.flatMap((issue): ErrorItem[] => {
    const field = fieldName(issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        error: 'invalid_request',
        message: `The ${place} "${short(fieldName([...issue.path, key]))}" is unknown here.`,
      }));
    }
    const value = valueAt(values, issue.path);
    if (value === undefined) {
      return [
        {
          error: 'invalid_request',
          message: `The ${place} "${field}" is missing: it has to be ${issue.message}.`,
        },
      ];
    }
    const body = issue.code === 'custom' ? issue.message : 'a JSON object';
    const whole = field === '' ? `The body has to be ${body}` : undefined;
    return [
      {
        error: names[field] ?? 'invalid_request',
        message: `${whole ?? `The ${place} "${field}" has to be ${issue.message}`}${issue.code === 'invalid_type' && issue.expected === 'object' ? '' : echo(issue.path, value)}.`,
      },
    ];
  });
}

/** `bucket.path`, `include[0]` */
function fieldName(path: PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function echo(path: PropertyKey[], value: unknown): string {
  if (path.some((key) => secretFields.has(String(key)))) return '';
  if (path.some((key) => key === 'bucket') && !isPlainAddress(value)) return '';
  if (typeof value === 'string') return `, not "${short(value)}"`;
  if (typeof value === 'number' || typeof value === 'boolean') return `, not ${value}`;
  if (value === null) return ', not null';
  return Array.isArray(value) ? ', not a list' : '';
}

/** The address of a bucket is repeated only where it cannot hold a password, a signature or a token. */
function isPlainAddress(value: unknown): boolean {
  return typeof value !== 'string' || !/[@?#]|:(?!\/\/)/.test(value);
}

function short(text: string): string {
  const value = withoutSecretKeys(text);
  return value.length > 60 ? `${value.slice(0, 60)}…` : value;
}

function valueAt(values: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    values,
  );
}
