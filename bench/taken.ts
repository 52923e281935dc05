/** What the runs of one way have taken: time, and the processors. */
import { runProgram } from '../mariadb/processes/run.ts';
import { timed, type Steps } from './figures.ts';
import { machineSeconds, processorSeconds, type OurProcess } from './processes.ts';

/** Asks, after the clock was stopped, for the steps of a run. */
export type AskSteps = () => Promise<Steps>;

/** One entry a run in each list. */
export class Taken {
  readonly ms: number[] = [];
  readonly steps: Steps[] = [];
  /** Seconds of the processor, by the name of the process. */
  readonly own: Record<string, number>[] = [];
  /** Seconds in which the machine's processors, together, were busy. */
  readonly machine: number[] = [];
  readonly #folder: string;
  readonly #processes: readonly OurProcess[];

  /** @param folder on the file system that is written to */
  constructor(folder: string, processes: readonly OurProcess[]) {
    this.#folder = folder;
    this.#processes = processes;
  }

  /** Does one run. What was written before is on the disk when it begins. @returns milliseconds */
  async during(work: () => Promise<AskSteps>): Promise<number> {
    await runProgram('sync', ['-f', this.#folder]);
    const ownBefore = await processorSeconds(this.#processes);
    const machineBefore = await machineSeconds();
    let askSteps: AskSteps = () => Promise.resolve({});
    const ms = await timed(async () => (askSteps = await work()));
    const machine = (await machineSeconds()) - machineBefore;
    const own = await processorSeconds(this.#processes);
    this.ms.push(ms);
    this.machine.push(machine);
    this.own.push(
      Object.fromEntries(
        Object.entries(own).map(([name, seconds]) => [name, seconds - (ownBefore[name] ?? 0)]),
      ),
    );
    this.steps.push(await askSteps());
    return ms;
  }

  /** Forgets the runs so far, which were for warming up. */
  forget(): void {
    for (const list of [this.ms, this.steps, this.own, this.machine]) list.length = 0;
  }
}
