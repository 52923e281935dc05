/** Figures from measurements. */

/** The middle of some numbers; of an even count, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The value that `share` percent of the values do not exceed, with one decimal. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * share) / 100) - 1)] ?? 0;
  return Math.round(value * 10) / 10;
}

/** Milliseconds of the steps of some work, by their names. */
export type Steps = Record<string, number>;

/** Of each step the median over the runs. */
export function medians(runs: readonly Steps[]): Steps {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, Math.round(median(runs.map((steps) => steps[name] ?? 0)))]),
  );
}

/** Wall times in milliseconds, one a run, and what they come to. */
export interface Comparison {
  ours_ms: number[];
  bare_ms: number[];
  ours_median_ms: number;
  bare_median_ms: number;
  /** Ours divided by the bare one, of the medians, with three decimals. */
  ratio: number;
}

export function compare(ours: readonly number[], bare: readonly number[]): Comparison {
  const [oursMedian, bareMedian] = [median(ours), median(bare)];
  return {
    ours_ms: ours.map(Math.round),
    bare_ms: bare.map(Math.round),
    ours_median_ms: Math.round(oursMedian),
    bare_median_ms: Math.round(bareMedian),
    ratio: Math.round((oursMedian / bareMedian) * 1000) / 1000,
  };
}

/**
 * Does two things in turns, each `runs` times, and says how long each took. Which comes first changes from one round
 * to the next, so that neither always finds what the other has left in the caches.
 *
 * @returns milliseconds
 */
export async function inTurns(
  runs: number,
  ours: () => Promise<number>,
  bare: () => Promise<number>,
): Promise<{ ours: number[]; bare: number[] }> {
  const times = { ours: [] as number[], bare: [] as number[] };
  for (let round = 0; round < runs; round += 1) {
    const order = round % 2 === 0 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const);
    for (const name of order) times[name].push(await (name === 'ours' ? ours() : bare()));
  }
  return times;
}

/** How long something took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
