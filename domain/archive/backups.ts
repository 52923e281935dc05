/** Backups as what a recovery begins with: which are whole with all that they build on, and where on the archive each stands. */
import type { Gtid } from '../binlog/gtid.ts';
import type { BinlogPosition } from '../manifest.ts';
import { gtidsByDomain, reaches } from './gtid-positions.ts';
import { microseconds } from './instants.ts';
import type { RecoveryFacts } from './reach.ts';
import { comparePlaces, fileNumber, type StretchFacts } from './stretches.ts';

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
  /** Of an incremental and of a dump: what the server, or its rows, took then. */
  uncompressedBytes: number;
  /** What of it is in the store; left out where nobody says. */
  storedBytes?: number;
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

/** What is known of a whole backup whatever the archive holds. */
interface Known {
  backup: ArchivedBackup;
  time: number;
  /** Its place, with the number of its file read. */
  place?: Place;
  /** Its state; read once it is asked for. */
  state?: ReadonlyMap<number, Gtid>;
}

interface Place {
  name: string;
  number: number;
  position: number;
}

/** Whoever keeps the list of a service's backups finds what was made of it. */
const made = new WeakMap<readonly ArchivedBackup[], Backups>();

export class Backups {
  readonly #byId: ReadonlyMap<string, ArchivedBackup>;
  readonly #chains = new Map<string, readonly ArchivedBackup[] | undefined>();
  /** Those that can be restored, by their instants. */
  readonly #whole: readonly Known[];

  /** @param backups not to be changed any more */
  static of(backups: readonly ArchivedBackup[]): Backups {
    let known = made.get(backups);
    if (!known) made.set(backups, (known = new Backups(backups)));
    return known;
  }

  private constructor(backups: readonly ArchivedBackup[]) {
    this.#byId = new Map(backups.map((backup) => [backup.id, backup]));
    const whole: Known[] = [];
    for (const backup of this.#byId.values()) {
      if (this.chainOf(backup) === undefined) continue;
      const { binlog, pointInTime } = backup;
      const known: Known = { backup, time: microseconds(pointInTime) };
      if (binlog) known.place = placeOf(binlog.file, binlog.position);
      whole.push(known);
    }
    this.#whole = whole.toSorted((a, b) => a.time - b.time || (a.backup.id < b.backup.id ? -1 : 1));
  }

  /** From the full on, or the dump alone; undefined where one of those that it needs is not there or damaged. */
  chainOf(backup: ArchivedBackup): readonly ArchivedBackup[] | undefined {
    const found = this.#chains.get(backup.id);
    if (found || this.#chains.has(backup.id)) return found;
    // Whoever builds on itself finds this, and builds on nothing.
    this.#chains.set(backup.id, undefined);
    const chain = this.#chainTo(backup);
    this.#chains.set(backup.id, chain);
    return chain;
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
    // A restored server has its state from its backup, and its first binlog begins with none.
    const inherited = new Map(
      timelines.map(({ id, cause, branch }) => [id, (cause === 'restore' && branch?.gtid) || '']),
    );
    const known = stretches.map((stretch) => knownOf(stretch, inherited.get(stretch.timeline) ?? ''));
    const byTimeline = Map.groupBy(known, ({ stretch }) => stretch.timeline);
    const begun = timelines
      .map(({ id, createdAt, cause }) => ({ id, cause, at: microseconds(createdAt) }))
      .toSorted((a, b) => a.at - b.at);
    // Following begins after the first full, and in the file that the full ended in.
    const first = begun[0]?.cause === 'first' ? begun[0].id : '';
    return this.#whole.map((whole): Base => {
      const { backup, time } = whole;
      // Names and numbers come again on other timelines: where nobody says, it can be on the one of its time alone.
      const timeline = backup.timeline ?? begun.findLast(({ at }) => at <= time)?.id ?? first;
      const found = byTimeline.get(timeline)?.find((one) => goesOnFrom(one, whole));
      return found ? { backup, time, stretch: found.stretch } : { backup, time };
    });
  }
}

export function isPlaced(base: Base): base is PlacedBase {
  return base.stretch !== undefined && base.backup.binlog !== undefined;
}

/** A stretch, with what is asked once for each backup read. */
interface KnownStretch {
  stretch: StretchFacts;
  begins: Place;
  ends: Place;
  from: ReadonlyMap<number, Gtid>;
  /** With what the timeline began with. */
  to: ReadonlyMap<number, Gtid>;
  fromTime: number | undefined;
  toTime: number | undefined;
}

function knownOf(stretch: StretchFacts, inherited: string): KnownStretch {
  const { fromTime, toTime } = stretch;
  return {
    stretch,
    begins: placeOf(stretch.fromFile, stretch.fromPosition),
    ends: placeOf(stretch.endFile, stretch.endPosition),
    from: gtidsByDomain(stretch.fromGtid),
    to: new Map([...gtidsByDomain(inherited), ...gtidsByDomain(stretch.toGtid)]),
    fromTime: fromTime === undefined ? undefined : microseconds(fromTime),
    toTime: toTime === undefined ? undefined : microseconds(toTime),
  };
}

function goesOnFrom(
  { stretch, begins, ends, from, to, fromTime, toTime }: KnownStretch,
  known: Known,
): boolean {
  const { backup, place, time } = known;
  const { binlog, timeline } = backup;
  if (!binlog || !place || place.name !== begins.name) return false;
  if (order(place, begins) < 0 || order(place, ends) > 0) return false;
  known.state ??= gtidsByDomain(binlog.gtid);
  if (!reaches(known.state, from) || !reaches(to, known.state)) return false;
  if (timeline !== undefined) return true;
  // A timeline that the server came back to has a time in which it was on another.
  if (fromTime === undefined || toTime === undefined || time + roundedUp < fromTime) return false;
  const atEnd =
    comparePlaces(binlog, { file: stretch.toFile, position: stretch.toPosition }) >= 0 &&
    reaches(known.state, to);
  return atEnd || time - roundedUp <= toTime;
}

function placeOf(file: string, position: number): Place {
  return { name: baseName(file), number: fileNumber(file), position };
}

/** Of places under one name, as {@link comparePlaces}. */
function order(a: Place, b: Place): number {
  return a.number - b.number || a.position - b.position;
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
