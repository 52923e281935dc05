/** Backups as what a recovery begins with: which are whole with all that they build on, and where on the archive each stands. */
import type { Gtid } from '../binlog/gtid.ts';
import type { BinlogPosition } from '../manifest.ts';
import { parseGtids, reaches, sameGtids } from './gtid-positions.ts';
import { microseconds } from './instants.ts';
import type { RecoveryFacts } from './reach.ts';
import { comparePlaces, type StretchFacts } from './stretches.ts';

/** What is known of a succeeded backup without reading its manifest. */
export interface ArchivedBackup {
  id: string;
  type: 'full' | 'incremental' | 'dump';
  /** The id of the backup that it builds on; empty on a full and on a dump. */
  parent: string;
  pointInTime: string;
  /** Left out when the server kept none. */
  binlog?: BinlogPosition;
  /** Of its binlog, where its manifest says. */
  timeline?: string;
  uncompressedBytes: number;
  damaged: boolean;
}

/** A backup that can be restored. */
export interface Base {
  backup: ArchivedBackup;
  /** Microseconds since 1970. */
  time: number;
  /** The stretch that goes on where it ends; left out where none does: then it restores to its own instant alone. */
  stretch?: StretchFacts;
}

/** A base that a stretch goes on from. */
export type PlacedBase = Base & { stretch: StretchFacts; backup: { binlog: BinlogPosition } };

/** How late the instant of a backup may be: it is rounded up to the second. Microseconds. */
const roundedUp = 1_000_000;

export class Backups {
  readonly #byId: ReadonlyMap<string, ArchivedBackup>;
  readonly #chains = new Map<string, readonly ArchivedBackup[] | undefined>();

  constructor(backups: readonly ArchivedBackup[]) {
    this.#byId = new Map(backups.map((backup) => [backup.id, backup]));
  }

  /** From the full on, or the dump alone; undefined where one of those that it needs is not there or damaged. */
  chainOf(backup: ArchivedBackup): readonly ArchivedBackup[] | undefined {
    if (!this.#chains.has(backup.id)) {
      // Whoever builds on itself finds this, and builds on nothing.
      this.#chains.set(backup.id, undefined);
      this.#chains.set(backup.id, this.#chainTo(backup));
    }
    return this.#chains.get(backup.id);
  }

  #chainTo(backup: ArchivedBackup): readonly ArchivedBackup[] | undefined {
    if (backup.damaged) return undefined;
    if (backup.type !== 'incremental') return [backup];
    const parent = this.#byId.get(backup.parent);
    if (!parent || parent.type === 'dump') return undefined;
    const before = this.chainOf(parent);
    return before && [...before, backup];
  }

  /** Those that can be restored, by their instants. */
  bases({ stretches, timelines }: Pick<RecoveryFacts, 'stretches' | 'timelines'>): Base[] {
    const byTimeline = Map.groupBy(stretches, ({ timeline }) => timeline);
    const begun = timelines
      .map(({ id, createdAt, cause }) => ({ id, cause, at: microseconds(createdAt) }))
      .toSorted((a, b) => a.at - b.at);
    // Following begins after the first full, and in the file that the full ended in.
    const first = begun[0]?.cause === 'first' ? begun[0].id : '';
    return [...this.#byId.values()]
      .filter((backup) => this.chainOf(backup) !== undefined)
      .map((backup): Base => {
        const time = microseconds(backup.pointInTime);
        // Names and numbers come again on other timelines: where nobody says, it can be on the one of its time alone.
        const timeline = backup.timeline ?? begun.findLast(({ at }) => at <= time)?.id ?? first;
        const stretch = byTimeline.get(timeline)?.find((one) => goesOnFrom(one, backup, time));
        return { backup, time, ...(stretch && { stretch }) };
      })
      .toSorted((a, b) => a.time - b.time || (a.backup.id < b.backup.id ? -1 : 1));
  }
}

export function isPlaced(base: Base): base is PlacedBase {
  return base.stretch !== undefined && base.backup.binlog !== undefined;
}

function goesOnFrom(stretch: StretchFacts, { binlog, timeline }: ArchivedBackup, time: number): boolean {
  if (!binlog || !isIn(stretch, binlog)) return false;
  const state = parseGtids(binlog.gtid);
  const { from, to } = statesOf(stretch);
  if (!reaches(state, from) || !reaches(to, state)) return false;
  if (timeline !== undefined) return true;
  // A timeline that the server came back to has a time in which it was on another.
  if (stretch.fromTime === undefined || stretch.toTime === undefined) return false;
  if (time + roundedUp < microseconds(stretch.fromTime)) return false;
  const atEnd =
    comparePlaces(binlog, { file: stretch.toFile, position: stretch.toPosition }) >= 0 &&
    sameGtids(binlog.gtid, stretch.toGtid);
  return atEnd || time - roundedUp <= microseconds(stretch.toTime);
}

type States = Record<'from' | 'to', ReadonlyMap<number, Gtid>>;

/** Asked once for each backup. */
const statesKnown = new WeakMap<StretchFacts, States>();

function statesOf(stretch: StretchFacts): States {
  const known = statesKnown.get(stretch);
  if (known) return known;
  const states = { from: parseGtids(stretch.fromGtid), to: parseGtids(stretch.toGtid) };
  statesKnown.set(stretch, states);
  return states;
}

/** Whether a place between two transactions is in a stretch. */
export function isIn(stretch: StretchFacts, place: { file: string; position: number }): boolean {
  const { fromFile, fromPosition, endFile, endPosition } = stretch;
  return (
    baseName(place.file) === baseName(fromFile) &&
    comparePlaces(place, { file: fromFile, position: fromPosition }) >= 0 &&
    comparePlaces(place, { file: endFile, position: endPosition }) <= 0
  );
}

function baseName(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}
