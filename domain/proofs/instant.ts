/** Which instant a drill brings back: any of the recovery window, so that over time all of it is proven. */
import { microInstant, microseconds } from '../archive/instants.ts';
import type { WindowInterval } from '../archive/window.ts';

/** What an interval counts at least, microseconds: a backup that no binlogs go on from is an instant alone. */
const leastWeight = 60 * 1_000_000;

/**
 * @param draw drawn evenly, from 0 and below 1
 * @returns undefined when there is nothing that could be brought back
 * @example drawInstant(intervals, 0.5) // '2024-03-26T05:11:09.482113Z'
 */
export function drawInstant(intervals: readonly WindowInterval[], draw: number): string | undefined {
  const parts = intervals
    .filter(({ current }) => current)
    .map((interval) => {
      const from = microseconds(interval.from);
      const length = microseconds(interval.to) - from;
      return { from, length, weight: Math.max(length, leastWeight) };
    });
  let left = draw * parts.reduce((sum, { weight }) => sum + weight, 0);
  for (const { from, length, weight } of parts) {
    if (left < weight) return microInstant(from + Math.floor((left / weight) * length));
    left -= weight;
  }
  // What is left over is a rounding of the sums.
  const last = parts.at(-1);
  return last && microInstant(last.from + last.length);
}
