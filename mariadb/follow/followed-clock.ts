/** The samples of the commit clock, given to the segments that they are of. */
import type { ArchivePoint, BinlogPoint, ClockSample } from '../../domain/archive/facts.ts';
import { type CommitClock, type Sample } from './clock.ts';
import { numberOf } from './resume.ts';

export class FollowedClock {
  readonly #clock: CommitClock;
  /** The last that was taken where the archive ends: the next segment begins with it. */
  #carried: Sample | undefined;
  /** Everything confirmed by this instant is archived. */
  #archivedTime: string | undefined;
  /** No sample before this place is believed; left out while it is not known of which binlogs samples are. */
  #from: BinlogPoint | undefined;

  constructor(clock: CommitClock) {
    this.#clock = clock;
  }

  get archivedTime(): string | undefined {
    return this.#archivedTime;
  }

  /** What was archived by an earlier process. */
  goOnFrom(time: string | undefined): void {
    this.#archivedTime ??= time;
  }

  /** As `forget`, where what is archived of these binlogs is older than of those before. @param time up to when it is */
  goBackTo(time: string | undefined): void {
    this.forget();
    this.#archivedTime = time;
  }

  /**
   * The server's binlogs are those of the archive, as was found by comparing them, and are read from a file on. A sample
   * that goes back behind another is of binlogs that began anew, whatever their names: none is believed until this is
   * called again.
   */
  follow(file: string): void {
    const from = { file, position: 0 };
    this.#clock.take((sample) => isBefore(sample, from));
    this.#from = from;
  }

  /** Those that lie in a segment, in their order. They are given out once. */
  of(file: string, { start, end }: { start: number; end: number }): ClockSample[] {
    const carried = this.#carried;
    this.#carried = undefined;
    const taken = this.#take({ file, position: end });
    const inside = taken.filter((sample) => sample.file === file && sample.position >= start);
    // Nothing was written between where that one stood and where this begins.
    const first = carried ? [{ ...carried, position: start }] : [];
    return [...first, ...inside].map(({ t0, position, t1 }) => ({ t0, position, t1 }));
  }

  /** What the archive has now confirms more instants, also while nothing is written. */
  advance(archived: ArchivePoint): void {
    for (const sample of this.#take(archived)) {
      this.#archivedTime = later(this.#archivedTime, sample.t0);
      if (sample.file === archived.file && sample.position === archived.position) this.#carried = sample;
    }
  }

  /** A segment with these is in the archive. */
  shipped(clock: readonly ClockSample[]): void {
    const last = clock.at(-1);
    if (last) this.#archivedTime = later(this.#archivedTime, last.t0);
  }

  /** What comes now is of other binlogs. */
  forget(): void {
    this.#clock.forget();
    this.#carried = undefined;
    this.#from = undefined;
  }

  /** Those up to a place that can be believed. */
  #take(to: BinlogPoint): Sample[] {
    return this.#clock.take((sample) => {
      if (!this.#from || isBefore(sample, this.#from) || !lies(sample, to)) return false;
      this.#from = sample;
      return true;
    });
  }
}

/** Of one base name: others have numbers of their own. */
function lies(sample: Sample, { file, position }: BinlogPoint): boolean {
  if (sample.file === file) return sample.position <= position;
  return baseOf(sample.file) === baseOf(file) && numberOf(sample.file) < numberOf(file);
}

function isBefore(sample: Sample, { file, position }: BinlogPoint): boolean {
  if (sample.file === file) return sample.position < position;
  return baseOf(sample.file) !== baseOf(file) || numberOf(sample.file) < numberOf(file);
}

function baseOf(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}

function later(a: string | undefined, b: string): string {
  return a !== undefined && a > b ? a : b;
}
