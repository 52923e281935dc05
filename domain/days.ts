/** Days of the calendar. */

/**
 * Whether there is such a day. `Date.parse` takes the 30th of February for the 2nd of March.
 *
 * @param text `YYYY-MM-DD`
 */
export function isDay(text: string): boolean {
  const midnight = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(text);
}
