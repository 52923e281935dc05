/** Instants to the microsecond, as the commit clock has them: whole microseconds since 1970, or RFC 3339 text in UTC. */
import { TidemarkError } from '../errors.ts';

const rule = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/**
 * Microseconds since 1970; exact until the year 2255. What is finer is cut off.
 *
 * @throws invalid_request when it is no time
 * @example microseconds('1970-01-01T00:00:01.5Z') // 1_500_000
 */
export function microseconds(time: string): number {
  const [, seconds, fraction = '', zone] = rule.exec(time) ?? [];
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(milliseconds)) {
    throw new TidemarkError(
      'invalid_request',
      `"${time}" is not a time. Write it as RFC 3339, like 2024-03-26T17:18:57Z.`,
    );
  }
  return milliseconds * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

/**
 * With all six digits, so that their order as text is their order in time.
 * @example microInstant(1_500_000) // '1970-01-01T00:00:01.500000Z'
 */
export function microInstant(time: number): string {
  const seconds = Math.floor(time / 1_000_000);
  const fraction = String(time - seconds * 1_000_000).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** The same instant in the one form that sorts. @throws invalid_request when it is no time */
export function sortable(time: string): string {
  return microInstant(microseconds(time));
}

/** For sorting by instants that are all written in one form; what has none comes first. */
export function compareText(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b);
}
