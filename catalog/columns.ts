/** How values of the records are written into columns and read back. */
import { TidemarkError } from '../domain/errors.ts';

/** The present, as the catalog writes times. */
export function now(): string {
  return new Date().toISOString();
}

/**
 * A time in the one form that sorts: UTC with milliseconds. `2024-03-26T17:18:57Z` would sort after every
 * fraction of its own second.
 *
 * @throws invalid_request when it is no time
 */
export function instant(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) {
    throw new TidemarkError(
      'invalid_request',
      `"${time}" is not a time. Write it as RFC 3339, like 2024-03-26T17:18:57Z.`,
    );
  }
  return date.toISOString();
}

/**
 * Free text for a person, such as the last words of a program. Those may hold a NUL, which PostgreSQL cannot
 * store; refusing the text would keep an operation from ever being recorded as failed.
 */
export function prose(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** Only the entries that have a value: an absent one is left out, never undefined. */
export function present<T extends object>(entries: {
  [K in keyof T]: T[K] | undefined | null;
}): Partial<T> {
  return Object.fromEntries(
    Object.entries(entries).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<T>;
}

/** Whether `id` can be one of those that count from 1; any other finds nothing rather than upset a database. */
export function isCountedId(id: number): boolean {
  return Number.isSafeInteger(id) && id >= 1;
}
