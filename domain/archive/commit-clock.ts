/** When transactions were committed, by the samples of the server's clock between which they lie. */
import type { ClockSample } from './facts.ts';
import { microInstant, microseconds } from './instants.ts';
import { sampledWithin } from './stretches.ts';
import type { ArchivedTransaction } from './transactions.ts';

export type CommitTime = Pick<ArchivedTransaction, 'time' | 'notBefore' | 'resolution'>;

/** What a sample has to be held against. */
interface Written {
  /** Where it ends in its file. */
  end: number;
  /** Seconds since 1970, of its last event. */
  endedAt: number;
}

/** Transactions in their order, each handed on once its time is known: by the first sample that is not before its end. */
export class CommitClock<T extends Written> {
  readonly #known: (written: T, time: CommitTime) => void;
  /** With the position that the sample has to have. */
  readonly #waiting: { written: T; end: number }[] = [];
  #samples: readonly ClockSample[] = [];
  #next = 0;
  #before: ClockSample | undefined;

  constructor(known: (written: T, time: CommitTime) => void) {
    this.#known = known;
  }

  /** @param sample the last one before all that comes */
  begin(sample: ClockSample | undefined): void {
    this.#before = sample;
  }

  /** Goes on in the same file. @param samples by position; what stands where two segments meet both may have */
  sampled(samples: readonly ClockSample[]): void {
    this.#pass();
    this.#samples = samples;
    this.#next = 0;
    this.#tell();
  }

  /** Goes on in the next file, all of which is behind what there was. */
  nextFile(): void {
    this.#pass();
    this.#samples = [];
    for (const entry of this.#waiting) entry.end = 0;
  }

  /** @param written lies behind those before it */
  take(written: T): void {
    this.#waiting.push({ written, end: written.end });
    this.#tell();
  }

  /** No more samples come. */
  end(): void {
    for (const { written } of this.#waiting.splice(0)) {
      this.#known(written, commitTime(written, this.#before, undefined));
    }
  }

  /** What comes lies behind all samples that there were. */
  #pass(): void {
    this.#before = this.#samples.at(-1) ?? this.#before;
  }

  #tell(): void {
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      let sample = this.#samples[this.#next];
      while (sample && sample.position < first.end) {
        this.#before = sample;
        this.#next += 1;
        sample = this.#samples[this.#next];
      }
      if (!sample) return;
      this.#waiting.shift();
      this.#known(first.written, commitTime(first.written, this.#before, sample));
    }
  }
}

/** @param before the last sample before it, `after` the first that is not */
function commitTime(
  { endedAt }: Written,
  before: ClockSample | undefined,
  after: ClockSample | undefined,
): CommitTime {
  const notBefore = before && { notBefore: before.t0 };
  if (before && after && microseconds(after.t0) - microseconds(before.t0) <= sampledWithin) {
    return { time: after.t1, ...notBefore, resolution: 'commit_clock' };
  }
  const earliest = before ? microseconds(before.t0) : 0;
  const latest = after ? microseconds(after.t1) : Infinity;
  const time = Math.max(earliest, Math.min(latest, endedAt * 1_000_000));
  return { time: microInstant(time), ...notBefore, resolution: 'event_time' };
}
