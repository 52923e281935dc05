/** What a restore takes, stage by stage: kept for the estimates of the next ones on the same host. */
import type { StepReport } from '../activities/host/contract.ts';
import type { Stage } from '../domain/archive/estimate.ts';
import type { StageMeasurement } from '../domain/archive/rates.ts';
import { type BackupFacts, chainSizes, type SelectedBinlogs } from '../domain/restore-plan.ts';

/** What is restored, as far as its size goes. */
interface Sizes {
  facts: BackupFacts;
  binlogs?: SelectedBinlogs;
}

/** Gathers what the steps of one restore report. */
export class Measured {
  #begun = Date.now();
  readonly #steps = new Map<Stage, number[]>();
  /** A step did not say how long it took: what all others took is no more the whole. */
  #incomplete = false;

  /** What passed before was none of the restore. */
  begin(): void {
    this.#begun = Date.now();
  }

  /** @param further seconds that belong to it and that another step took */
  step(stage: Stage, report: StepReport | undefined, further = 0): void {
    const seconds = report?.seconds;
    if (seconds === undefined) this.#incomplete = true;
    else this.#steps.set(stage, [...(this.#steps.get(stage) ?? []), seconds + further]);
  }

  /** @param usual it went the usual way: what no stage took, any restore takes */
  stages({ facts, binlogs }: Sizes, usual: boolean): StageMeasurement[] {
    const [first = 0, ...incrementals] = chainSizes(facts);
    const bytes: Record<Stage, number> = {
      fetching: first,
      preparing: first,
      loading: first,
      applying: mean(incrementals),
      replaying: binlogs?.bytes ?? 0,
      rest: 0,
    };
    const stages = [...this.#steps].map(([stage, seconds]) => ({
      stage,
      bytes: bytes[stage],
      seconds: mean(seconds),
    }));
    if (!usual || this.#incomplete) return stages;
    const all = (Date.now() - this.#begun) / 1000;
    const seconds = Math.max(0, all - sum([...this.#steps.values()].flat()));
    return [...stages, { stage: 'rest', bytes: 0, seconds }];
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
