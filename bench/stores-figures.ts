/** What comes of the runs at one store, as figures and in words. */
import { compare, median, medians, type Comparison, type Steps } from './figures.ts';
import type { Taken } from './taken.ts';

/** One kind of work: wall times in milliseconds, medians where it is not said otherwise. */
export interface WorkFigures extends Comparison {
  /** Of each round, in its order. */
  ratios: number[];
  ours_steps_ms: Steps;
  bare_steps_ms: Steps;
  /** Seconds of the processor that each of our processes took, without the programs that it started. */
  ours_cpu_s: Record<string, number>;
  /** Seconds in which the machine's processors, together, were busy: with the store's server, and all others. */
  ours_machine_cpu_s: number;
  bare_machine_cpu_s: number;
}

export interface PlaceFigures {
  backup: WorkFigures & {
    stored_bytes: number;
    /** Of each round: one `curl -T` of the file that the pipeline wrote. */
    bare_upload_ms: number[];
    bare_with_upload_median_ms: number;
    /** Ours divided by the pipeline followed by the upload. */
    ratio_with_upload: number;
  };
  restore: WorkFigures;
  /** The most resident memory of each of our processes since its start. */
  memory_bytes: Record<string, number>;
}

export function figuresOf(ours: Taken, bare: Taken): WorkFigures {
  return {
    ...compare(ours.ms, bare.ms),
    ratios: ours.ms.map((ms, round) => rounded(ms / (bare.ms[round] ?? Number.NaN), 3)),
    ours_steps_ms: medians(ours.steps),
    bare_steps_ms: medians(bare.steps),
    ours_cpu_s: seconds(ours.own),
    ours_machine_cpu_s: rounded(median(ours.machine), 2),
    bare_machine_cpu_s: rounded(median(bare.machine), 2),
  };
}

function seconds(runs: readonly Record<string, number>[]): Record<string, number> {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, rounded(median(runs.map((run) => run[name] ?? 0)), 2)]),
  );
}

/** For a person, line by line: what it comes to, and where the rest goes. */
export function summaryOf(name: string, figures: PlaceFigures): string[] {
  const { backup, restore, memory_bytes: memory } = figures;
  return [
    `${name}, backup: ${backup.ours_median_ms} ms, ${times(backup)} the pipeline into a file (${backup.bare_median_ms} ms), ` +
      `${backup.ratio_with_upload} × it and its upload (${backup.bare_with_upload_median_ms} ms)`,
    ...whereItGoes(backup),
    `${name}, restore: ${restore.ours_median_ms} ms, ${times(restore)} the steps by hand (${restore.bare_median_ms} ms)`,
    ...whereItGoes(restore),
    `${name}, memory: ${listed(memory, (bytes) => `${Math.round(bytes / 1024 ** 2)} MiB`)}`,
  ];
}

function times({ ratio, ratios }: WorkFigures): string {
  return `${ratio} × (${ratios.join(', ')})`;
}

function whereItGoes(work: WorkFigures): string[] {
  const ms = (value: number): string => `${value} ms`;
  return [
    `  ours: ${listed(work.ours_steps_ms, ms)}`,
    `  by hand: ${listed(work.bare_steps_ms, ms)}`,
    `  processors: ${listed(work.ours_cpu_s, (value) => `${value} s`)}; ` +
      `the machine ${work.ours_machine_cpu_s} s, by hand ${work.bare_machine_cpu_s} s`,
  ];
}

function listed(values: Record<string, number>, write: (value: number) => string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${write(value)}`)
    .join(', ');
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
