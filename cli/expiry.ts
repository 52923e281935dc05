/** When something ends, as a person writes it. */
import { InvalidArgumentError } from 'commander';
import { isDay } from '../domain/days.ts';

const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, y: 365 * 86_400_000 };
/** RFC 3339 knows no later year. */
const endOfTime = Date.UTC(10_000, 0, 1);

/**
 * A length of time from now (`90d`), a day (`2027-01-31`: its beginning, in UTC) or a time (RFC 3339).
 *
 * @returns RFC 3339 in UTC
 * @throws InvalidArgumentError when it is neither
 */
export function parseExpiry(text: string, now = Date.now()): string {
  const [, count, unit] = /^(\d{1,6})([mhdy])$/.exec(text) ?? [];
  const time = count === undefined ? instantOf(text) : now + Number(count) * (units[unit ?? ''] ?? 0);
  if (Number.isNaN(time) || time >= endOfTime) {
    throw new InvalidArgumentError(
      'Write a length of time from now, such as 12h, 90d or 1y, a day such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z.',
    );
  }
  return new Date(time).toISOString();
}

/** As {@link parseExpiry}, for what must not have ended already. */
export function parseFutureExpiry(text: string): string {
  const expiry = parseExpiry(text);
  if (Date.parse(expiry) > Date.now()) return expiry;
  throw new InvalidArgumentError('That is over already.');
}

function instantOf(text: string): number {
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) &&
    isDay(text.slice(0, 10))
    ? Date.parse(text)
    : Number.NaN;
}
