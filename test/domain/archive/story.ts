/**
 * Random lives of a service, second by second, and what can be brought back of them found out the slow, obvious way: by
 * walking from each backup through every second after it.
 */
import type { ArchivedBackup } from '../../../domain/archive/backups.ts';
import type { FollowState, SegmentFacts, TimelineFacts } from '../../../domain/archive/facts.ts';
import { microInstant } from '../../../domain/archive/instants.ts';
import type { RecoveryFacts } from '../../../domain/archive/reach.ts';
import { type StretchFacts, withSegment } from '../../../domain/archive/stretches.ts';

const born = 1_750_000_000;
/** Of the one transaction that a busy second has. */
const bytes = 100;

/** A second in which a server wrote one transaction, or none. */
interface Tick {
  /** When it ended. It began when the one before did, unless the server was on another timeline meanwhile. */
  ends: number;
  file: number;
  /** Where it begins and ends in the file. */
  start: number;
  end: number;
  /** The newest transaction at its end. */
  sequence: number;
  archived: boolean;
}

export interface Life {
  id: string;
  parent?: Life;
  /** How many ticks of the parent belong to it. */
  branch: number;
  branchTimeKnown: boolean;
  cause: TimelineFacts['cause'];
  begins: { at: number; file: number; position: number; sequence: number };
  /** What of its first file was there before it began. */
  prefix: number;
  ticks: Tick[];
  /** Ticks of a server that was started again while nobody followed. */
  unfollowed: Set<Tick>;
  /** Where the binlog of what was there before ended; left out where nobody looked. */
  replaced?: { file: string; position: number };
  /** How many ticks it had each time that its server was stopped, after the last one of a chapter. */
  stops: number[];
}

export interface Copy {
  backup: ArchivedBackup;
  life: Life;
  /** How many ticks are in it. */
  ticks: number;
  at: number;
  /** It and all that it builds on are there, whole. */
  usable: boolean;
}

export interface Story {
  lives: Life[];
  copies: Copy[];
  current: Life;
  segments: SegmentFacts[];
  facts: RecoveryFacts;
}

export const fileName = (number: number): string => `binlog.${String(number).padStart(6, '0')}`;
export const gtidOf = (sequence: number): string => (sequence === 0 ? '' : `0-1-${sequence}`);
export const instantOf = (second: number): string => microInstant(second * 1_000_000);

/** A place between two ticks. */
export function placeAt(life: Life, ticks: number): { file: number; position: number; sequence: number } {
  const last = life.ticks[ticks - 1];
  return last ? { file: last.file, position: last.end, sequence: last.sequence } : life.begins;
}

export function timeAt(life: Life, ticks: number): number {
  return life.ticks[ticks - 1]?.ends ?? life.begins.at;
}

/** The same from the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  /** From 0 to below `most`. */
  roll(most: number): number {
    // xorshift32
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % most;
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }
}

export function tellStory(seed: number, { known }: { known: boolean }): Story {
  const dice = new Dice(seed * 7919 + 13);
  for (let warm = 0; warm < 5; warm += 1) dice.roll(2);
  const lives: Life[] = [];
  const copies: Copy[] = [];
  let now = born;
  let current = begin(dice, lives, undefined, now);
  // What came to the stories later moves nothing of what was told before.
  const later = new Dice(seed * 6007 + 5);
  for (let warm = 0; warm < 5; warm += 1) later.roll(2);
  const chapters = 1 + dice.roll(5);
  for (let chapter = 0; chapter < chapters; chapter += 1) {
    now = live(dice, current, now, copies, known);
    if (chapter === chapters - 1) break;
    const stopped = dice.chance(80);
    if (stopped) current.stops.push(current.ticks.length);
    const alone = stopped && later.chance(30);
    if (alone) now = liveUnfollowed(later, current, now);
    now += 1 + dice.roll(6);
    const old = lives[dice.roll(lives.length)]!;
    // A restore that is undone goes back to a timeline that was left.
    if (dice.chance(20) && old.ticks.length > 0) current = old;
    else {
      const { file, position } = placeAt(current, current.ticks.length);
      const looked = alone || later.chance(70);
      current = begin(dice, lives, dice.chance(80) ? current : old, now);
      if (looked) current.replaced = { file: fileName(file), position };
    }
  }
  const segments = lives.flatMap((life) => shipped(dice, life));
  for (const copy of copies) copy.usable = isUsable(copy, copies);
  const state = stateOf(dice, current, lives);
  const facts: RecoveryFacts = {
    backups: copies.filter(({ backup }) => !isPruned(backup)).map(({ backup }) => backup),
    timelines: lives.map(timelineOf),
    stretches: segments.reduce<readonly StretchFacts[]>(withSegment, []),
    holes: [],
    state,
  };
  return { lives, copies, current, segments, facts };
}

function begin(dice: Dice, lives: Life[], parent: Life | undefined, now: number): Life {
  const whole = parent?.ticks.length ?? 0;
  const branch = parent && dice.chance(60) ? dice.roll(whole + 1) : whole;
  const from = parent ? placeAt(parent, branch) : { file: 1, position: 0, sequence: 0 };
  const prefix = parent && dice.chance(25) ? dice.roll(4) : 0;
  const life: Life = {
    id: String(lives.length + 1)
      .repeat(32)
      .slice(0, 32),
    ...(parent && { parent }),
    branch,
    branchTimeKnown: dice.chance(60),
    cause: parent ? 'restore' : 'first',
    begins: {
      at: now,
      // The same names come again.
      file: dice.chance(50) ? 1 : from.file + 1,
      position: prefix * bytes,
      sequence: from.sequence,
    },
    prefix,
    ticks: [],
    unfollowed: new Set(),
    stops: [],
  };
  lives.push(life);
  return life;
}

/** Seconds of one chapter, with backups between them. @returns when it ended */
function live(dice: Dice, life: Life, from: number, copies: Copy[], known: boolean): number {
  let now = from;
  const seconds = 1 + dice.roll(14);
  for (let second = 0; second < seconds; second += 1) {
    if (dice.chance(18)) copies.push(copyOf(dice, life, now, copies, known));
    now += 1;
    const { file, position, sequence } = placeAt(life, life.ticks.length);
    const idle = dice.chance(15);
    const rotated = !idle && life.ticks.some(isBusy) && dice.chance(15);
    const start = rotated ? 0 : position;
    life.ticks.push({
      ends: now,
      file: rotated ? file + 1 : file,
      start,
      end: idle ? start : start + bytes,
      sequence: idle ? sequence : sequence + 1,
      archived: false,
    });
  }
  if (dice.chance(30)) copies.push(copyOf(dice, life, now, copies, known));
  return now;
}

/** Started again after a stop, a server writes on into another file, and is stopped once more. @returns when it was */
function liveUnfollowed(dice: Dice, life: Life, from: number): number {
  let now = from + 1 + dice.roll(3);
  const last = placeAt(life, life.ticks.length);
  let { sequence } = last;
  const seconds = 1 + dice.roll(20);
  for (let start = 0; start < seconds * bytes; start += bytes) {
    now += 1;
    sequence += 1;
    const tick = { ends: now, file: last.file + 1, start, end: start + bytes, sequence, archived: false };
    life.ticks.push(tick);
    life.unfollowed.add(tick);
  }
  life.stops.push(life.ticks.length);
  return now;
}

function copyOf(dice: Dice, life: Life, at: number, copies: readonly Copy[], known: boolean): Copy {
  const ticks = life.ticks.length;
  const { file, position, sequence } = placeAt(life, ticks);
  const onto = copies.findLast((copy) => copy.life === life && copy.backup.type !== 'dump');
  const type = onto && dice.chance(50) ? 'incremental' : dice.chance(20) ? 'dump' : 'full';
  const backup: ArchivedBackup = {
    id: `backup-${copies.length + 1}`,
    type,
    parent: type === 'incremental' ? onto!.backup.id : '',
    pointInTime: instantOf(at),
    ...(dice.chance(95) && { binlog: { file: fileName(file), position, gtid: gtidOf(sequence) } }),
    // Before anything was written it is as good as on the parent.
    ...((known || dice.chance(60) || !life.ticks.some(isBusy)) && { timeline: life.id }),
    uncompressedBytes: dice.roll(1000) * 1_000_000,
    damaged: dice.chance(10),
  };
  if (dice.chance(12)) pruned.add(backup);
  return { backup, life, ticks, at, usable: true };
}

const pruned = new WeakSet<ArchivedBackup>();
const isPruned = (backup: ArchivedBackup): boolean => pruned.has(backup);

function isUsable({ backup }: Copy, copies: readonly Copy[]): boolean {
  if (backup.damaged || isPruned(backup)) return false;
  if (backup.parent === '') return true;
  const parent = copies.find((copy) => copy.backup.id === backup.parent);
  return parent !== undefined && isUsable(parent, copies);
}

/** Segments of a few seconds each; some never arrive, and the oldest may have been pruned. */
function shipped(dice: Dice, life: Life): SegmentFacts[] {
  const segments: SegmentFacts[] = [];
  const prunedUpTo = dice.chance(20) ? dice.roll(life.ticks.length + 1) : 0;
  const lossy = dice.chance(60);
  let from = 0;
  while (from < life.ticks.length) {
    let to = from;
    let busy = 0;
    const wanted = 1 + dice.roll(4);
    while (to < life.ticks.length && busy < wanted) {
      const tick = life.ticks[to]!;
      const first = life.ticks.slice(from, to).find(isBusy);
      if (isBusy(tick) && first && first.file !== tick.file) break;
      if (life.unfollowed.has(tick) !== life.unfollowed.has(life.ticks[from]!)) break;
      busy += Number(isBusy(tick));
      to += 1;
    }
    // Idle seconds go with what is written after them.
    if (busy === 0) break;
    while (!isBusy(life.ticks[to - 1]!)) to -= 1;
    const lost = life.unfollowed.has(life.ticks[from]!) || from < prunedUpTo || (lossy && dice.chance(15));
    if (!lost) segments.push(segmentOf(dice, life, from, to));
    for (const tick of life.ticks.slice(from, to)) tick.archived = !lost;
    from = to;
  }
  return segments;
}

export const isBusy = ({ start, end }: Tick): boolean => end > start;

function segmentOf(dice: Dice, life: Life, from: number, to: number): SegmentFacts {
  const ticks = life.ticks.slice(from, to);
  const first = ticks.find(isBusy)!;
  const last = ticks.at(-1)!;
  // What was in the file before the timeline began comes along.
  const start =
    first.start === life.begins.position && from === 0 && first.file === life.begins.file ? 0 : first.start;
  const prefixed = start < first.start;
  const begins = instantOf(prefixed ? life.begins.at - life.prefix : timeAt(life, from));
  const ends = instantOf(last.ends);
  const stopped = life.stops.some((stop) => stop >= to && !life.ticks.slice(to, stop).some(isBusy));
  return {
    timeline: life.id,
    file: fileName(first.file),
    start,
    end: last.end,
    gtidBefore: gtidOf(
      prefixed ? Math.max(0, life.begins.sequence - life.prefix) : placeAt(life, from).sequence,
    ),
    wholeEnd: last.end,
    gtidAfter: gtidOf(last.sequence),
    ...(stopped && { closed: 'stop' as const }),
    firstEventAt: begins,
    lastEventAt: ends,
    ...(dice.chance(80) && { sampledFrom: begins, sampledTo: ends }),
    storedBytes: 40,
    sha256: '',
    recipients: [],
    shippedAt: instantOf(last.ends + 1),
  };
}

function timelineOf(life: Life): TimelineFacts {
  const { parent, branch, begins, replaced } = life;
  const place = parent && placeAt(parent, branch);
  return {
    id: life.id,
    ...(parent &&
      place && {
        parent: parent.id,
        branch: {
          file: fileName(place.file),
          position: place.position,
          gtid: gtidOf(place.sequence),
        },
        ...(life.branchTimeKnown && { branchTime: instantOf(timeAt(parent, branch)) }),
      }),
    ...(replaced && { replaced }),
    begins: { file: fileName(begins.file), position: begins.position, gtid: gtidOf(begins.sequence) },
    cause: life.cause,
    createdAt: instantOf(begins.at),
  };
}

/** The follower of the current life; at times it knows that everything is archived. */
function stateOf(dice: Dice, life: Life, lives: readonly Life[]): FollowState {
  const lastBusy = life.ticks.findLastIndex(isBusy);
  const done = lastBusy >= 0 && life.ticks[lastBusy]!.archived && dice.chance(70);
  const archived = placeAt(life, life.ticks.length);
  const at = timeAt(life, life.ticks.length);
  if (done) for (const tick of life.ticks.slice(lastBusy + 1)) tick.archived = true;
  return {
    timeline: life.id,
    archived: { file: fileName(archived.file), position: archived.position, gtid: gtidOf(archived.sequence) },
    ...(done && { archivedTime: instantOf(at) }),
    lookedAt: instantOf(at + lives.length),
    lagBytes: 0,
    spoolBytes: 0,
    trouble: '',
  };
}
