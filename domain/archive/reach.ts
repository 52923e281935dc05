/**
 * How far the archive reaches: from which backups each stretch can be entered, and which timelines lead to one another.
 * What the window promises and what the planner plans are both read off this.
 */
import { type ArchivedBackup, Backups, type Base, isIn, isPlaced, type PlacedBase } from './backups.ts';
import type { ArchivePoint, FollowState, HoleFacts, TimelineFacts } from './facts.ts';
import { microseconds } from './instants.ts';
import { comparePlaces, type StretchFacts } from './stretches.ts';

/** All that is known of what a service can be brought back to. */
export interface RecoveryFacts {
  /** Those that succeeded. */
  backups: readonly ArchivedBackup[];
  timelines: readonly TimelineFacts[];
  stretches: readonly StretchFacts[];
  holes: readonly HoleFacts[];
  /** Where the follower stands; left out while none ever did. */
  state?: FollowState;
}

/** A stretch that can be entered. Times are microseconds since 1970. */
export interface Reach {
  stretch: StretchFacts;
  /** Backups that it goes on from, by place. */
  bases: readonly PlacedBase[];
  /** Where its timeline branches off one that reaches that point. */
  entry?: { parent: Reach; branch: ArchivePoint };
  /** The first and the last instant that can be had. */
  from: number;
  to: number;
}

/** How much of a timeline belongs to a path. */
export interface Cap {
  /** Left out: all of it. */
  branch?: ArchivePoint;
  /** What its child says of the instant of the branch, where it does. */
  branchTime?: number;
}

export class Archive {
  readonly facts: RecoveryFacts;
  readonly backups: Backups;
  /** By their instants. */
  readonly bases: readonly Base[];
  /** By timeline and place. */
  readonly reaches: readonly Reach[];
  /** The timeline that the server is on, as far as is known. */
  readonly current: string | undefined;
  readonly #timelines: ReadonlyMap<string, TimelineFacts>;

  constructor(facts: RecoveryFacts) {
    this.facts = facts;
    this.backups = Backups.of(facts.backups);
    this.bases = this.backups.bases(facts);
    this.#timelines = new Map(facts.timelines.map((timeline) => [timeline.id, timeline]));
    const { timeline = '' } = facts.state ?? {};
    // A follower that has not read the archive yet does not know.
    this.current = timeline === '' ? newest(facts.timelines)?.id : timeline;
    this.reaches = this.#reachAll();
  }

  /** From a timeline to its first ancestor, each with how much of it belongs to the path. */
  path(timeline: string | undefined): ReadonlyMap<string, Cap> {
    const path = new Map<string, Cap>();
    let cap: Cap = {};
    for (let id = timeline; id !== undefined && !path.has(id);) {
      path.set(id, cap);
      const known = this.#timelines.get(id);
      const { branch, branchTime } = known ?? {};
      cap = {
        ...(branch && { branch }),
        ...(branchTime !== undefined && { branchTime: microseconds(branchTime) }),
      };
      id = branch && known?.parent;
    }
    return path;
  }

  begins(timeline: string): ArchivePoint | undefined {
    return this.#timelines.get(timeline)?.begins;
  }

  branchTime(timeline: string): string | undefined {
    return this.#timelines.get(timeline)?.branchTime;
  }

  #reachAll(): Reach[] {
    const placed = Map.groupBy(this.bases.filter(isPlaced), ({ stretch }) => stretch);
    const found = new Map<StretchFacts, Reach | undefined>();
    const reachOf = (stretch: StretchFacts): Reach | undefined => {
      if (!found.has(stretch)) {
        // Timelines that branch off one another in a circle lead nowhere.
        found.set(stretch, undefined);
        const bases = (placed.get(stretch) ?? []).toSorted((a, b) =>
          comparePlaces(a.backup.binlog, b.backup.binlog),
        );
        const entry = this.#entryOf(stretch, reachOf);
        const timeline = this.#timelines.get(stretch.timeline);
        found.set(stretch, entered(stretch, bases, entry, { timeline, state: this.facts.state }));
      }
      return found.get(stretch);
    };
    return this.facts.stretches.map(reachOf).filter((reach) => reach !== undefined);
  }

  /** What leads into a stretch that its timeline begins in. */
  #entryOf(stretch: StretchFacts, reachOf: (stretch: StretchFacts) => Reach | undefined): Reach['entry'] {
    const { parent, branch, begins } = this.#timelines.get(stretch.timeline) ?? {};
    if (!branch || !begins || !isIn(stretch, begins)) return undefined;
    for (const other of this.facts.stretches) {
      if (other.timeline !== parent || !isIn(other, branch)) continue;
      const reach = reachOf(other);
      if (reach && reachesTo(reach, branch)) return { parent: reach, branch };
    }
    return undefined;
  }
}

/** Whether a place on a stretch can be had. */
function reachesTo({ entry, bases: [first] }: Reach, place: ArchivePoint): boolean {
  return entry !== undefined || (first !== undefined && comparePlaces(first.backup.binlog, place) <= 0);
}

/**
 * The part of a stretch that belongs to a path. Where its timeline was left at an instant that nobody knows, it ends with
 * the last backup before.
 *
 * @returns instants, microseconds; undefined when no part does
 */
export function within(
  { stretch, bases, from, to }: Reach,
  { branch, branchTime }: Cap,
): { from: number; to: number } | undefined {
  if (!branch) return { from, to };
  if (comparePlaces({ file: stretch.fromFile, position: stretch.fromPosition }, branch) > 0) {
    return undefined;
  }
  const left = comparePlaces({ file: stretch.toFile, position: stretch.toPosition }, branch) > 0;
  if (!left) return { from, to };
  const last = branchTime ?? bases.findLast(({ backup }) => comparePlaces(backup.binlog, branch) <= 0)?.time;
  return last === undefined || last < from ? undefined : { from, to: Math.min(to, last) };
}

/** Whether the own instant of a backup is on a path. One of which nobody knows the timeline is on any. */
export function isOn(path: ReadonlyMap<string, Cap>, { timeline, binlog }: ArchivedBackup): boolean {
  if (timeline === undefined) return true;
  const cap = path.get(timeline);
  if (!cap) return false;
  return cap.branch === undefined || (binlog !== undefined && comparePlaces(binlog, cap.branch) <= 0);
}

function entered(
  stretch: StretchFacts,
  bases: readonly PlacedBase[],
  entry: Reach['entry'],
  { timeline, state }: { timeline: TimelineFacts | undefined; state: FollowState | undefined },
): Reach | undefined {
  const starts = bases.slice(0, 1).map(({ time }) => time);
  if (entry && timeline) starts.push(...beganAt(stretch, timeline));
  const ends = [stretch.toTime, archivedTime(stretch, state)].filter((time) => time !== undefined);
  // A backup that was taken after the last transaction says that there was none until then.
  const to = Math.max(...ends.map(microseconds), ...bases.map(({ time }) => time));
  if (starts.length === 0 || !Number.isFinite(to)) return undefined;
  return { stretch, bases, from: Math.min(to, ...starts), to, ...(entry && { entry }) };
}

/** The first instant that is on a timeline for certain: a file may begin long before the place where the timeline does. */
function beganAt(stretch: StretchFacts, { begins, createdAt }: TimelineFacts): number[] {
  if (stretch.fromTime === undefined) return [];
  const first = microseconds(stretch.fromTime);
  const atOnce = comparePlaces({ file: stretch.fromFile, position: stretch.fromPosition }, begins) === 0;
  return [atOnce ? first : Math.max(first, microseconds(createdAt))];
}

/** Up to when all is known to be there in the stretch that a follower goes on with. */
function archivedTime(stretch: StretchFacts, state: FollowState | undefined): string | undefined {
  return state?.timeline === stretch.timeline && isIn(stretch, state.archived)
    ? state.archivedTime
    : undefined;
}

function newest(timelines: readonly TimelineFacts[]): TimelineFacts | undefined {
  return timelines.toSorted((a, b) => microseconds(a.createdAt) - microseconds(b.createdAt)).at(-1);
}
