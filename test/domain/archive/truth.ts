/** What can be brought back of a story, found out by walking through its seconds. */
import { type Copy, fileName, instantOf, isBusy, type Life, placeAt, type Story, timeAt } from './story.ts';

/** A timeline with how many of its ticks belong to a path; undefined: all. */
interface Part {
  life: Life;
  upTo: number | undefined;
  /** The one that branches off there. */
  child: Life | undefined;
}

/** The target's own life first. */
export function pathOf(life: Life): Part[] {
  const parts: Part[] = [{ life, upTo: undefined, child: undefined }];
  for (let child = life; child.parent; child = child.parent) {
    parts.push({ life: child.parent, upTo: child.branch, child });
  }
  return parts;
}

/** Whether a segment has a place in it, or at one of its ends. */
function isArchived({ segments }: Story, life: Life, place: { file: number; position: number }): boolean {
  return segments.some(
    ({ timeline, file, start, end }) =>
      timeline === life.id &&
      file === fileName(place.file) &&
      start <= place.position &&
      place.position <= end,
  );
}

/** Whether binlogs go on from it. */
export function isPlaced(story: Story, { life, ticks, backup }: Copy): boolean {
  return backup.binlog !== undefined && isArchived(story, life, placeAt(life, ticks));
}

/** How many ticks are archived without a gap from `from` on. */
function walk(life: Life, from: number, most = life.ticks.length): number {
  let at = from;
  while (at < most && life.ticks[at]!.archived) at += 1;
  return at;
}

function onlyIdle(life: Life, from: number, to: number): boolean {
  return !life.ticks.slice(from, to).some(isBusy);
}

/** Where a walk along a path can begin on one of its parts. */
interface Start {
  ticks: number;
  at: number;
}

function startsOn(story: Story, part: Part): Start[] {
  const own = story.copies.filter(
    (copy) => copy.life === part.life && copy.usable && isPlaced(story, copy) && isWithin(part, copy.ticks),
  );
  const crossed =
    part.life.parent && leadsInto(story, part.life) ? [{ ticks: 0, at: part.life.begins.at }] : [];
  return [...own, ...crossed];
}

/** Idle seconds after a branch change nothing. */
function isWithin({ life, upTo }: Part, ticks: number): boolean {
  return upTo === undefined || ticks <= upTo || onlyIdle(life, upTo, ticks);
}

/** Whether the parent of a life can be followed to where it branches off, and the life from there. */
function leadsInto(story: Story, life: Life): boolean {
  const { parent, branch } = life;
  if (!parent || !isArchived(story, life, life.begins)) return false;
  if (!isArchived(story, parent, placeAt(parent, branch))) return false;
  const part = { life: parent, upTo: branch, child: life };
  return startsOn(story, part).some(
    ({ ticks }) =>
      walk(parent, ticks, branch) >= branch || onlyIdle(parent, walk(parent, ticks, branch), branch),
  );
}

/** Whether everything confirmed by a second can be had on the timeline of `life` and those that lead to it. */
export function canHave(story: Story, life: Life, second: number): boolean {
  return pathOf(life).some((part) => isServed(story, part, second) || isOwnInstant(story, part, second));
}

function isServed(story: Story, part: Part, second: number): boolean {
  const { life, upTo } = part;
  const starts = startsOn(story, part);
  // The server went on here after the path had left, and that is archived, too.
  const next = upTo === undefined ? -1 : life.ticks.findIndex((tick, index) => index >= upTo && isBusy(tick));
  const left = upTo !== undefined && next >= 0 && walk(life, upTo) > next;
  return starts.some((start) => {
    if (second < start.at) return false;
    const most = left ? upTo : life.ticks.length;
    const end = Math.max(start.ticks, walk(life, start.ticks, most));
    const there = starts.filter(
      ({ ticks }) => ticks >= start.ticks && (ticks <= end || onlyIdle(life, end, ticks)),
    );
    const latest = Math.max(timeAt(life, end), ...there.map(({ at }) => at));
    if (!left || (end < upTo && !onlyIdle(life, end, upTo))) return second <= latest;
    const branchTime = timeAt(life, upTo);
    if (part.child?.branchTimeKnown) return second <= branchTime;
    const known = story.copies.filter(
      (copy) =>
        copy.life === life &&
        copy.usable &&
        isPlaced(story, copy) &&
        isWithin(part, copy.ticks) &&
        (walk(life, copy.ticks, upTo) >= upTo || onlyIdle(life, walk(life, copy.ticks, upTo), upTo)),
    );
    return second <= Math.max(...known.map(({ at }) => at));
  });
}

function isOwnInstant(story: Story, part: Part, second: number): boolean {
  return story.copies.some(
    (copy) =>
      copy.life === part.life &&
      copy.usable &&
      copy.at === second &&
      !isPlaced(story, copy) &&
      (copy.backup.binlog !== undefined ? isWithin(part, copy.ticks) : part.upTo === undefined),
  );
}

/** Whether a transaction, and all before it, can be had on a path: the life that it is on. */
export function lifeWith(story: Story, life: Life, sequence: number): Life | undefined {
  for (const part of pathOf(life)) {
    const ticks = part.life.ticks.slice(0, part.upTo);
    const index = ticks.findIndex((tick) => isBusy(tick) && tick.sequence === sequence);
    if (index < 0) continue;
    const led = startsOn(story, part).some(
      ({ ticks: from }) => from <= index && walk(part.life, from, index + 1) > index,
    );
    return led ? part.life : undefined;
  }
  return undefined;
}

/** All instants at which something could be different. */
export function seconds({ lives, copies }: Story): number[] {
  const all = [
    ...lives.flatMap((life) => [life.begins.at, ...life.ticks.map(({ ends }) => ends)]),
    ...copies.map(({ at }) => at),
  ];
  return [...new Set(all.flatMap((second) => [second - 1, second, second + 1]))].toSorted((a, b) => a - b);
}

export const isOutside = (second: number, { from, to }: { from: string; to: string }): boolean =>
  instantOf(second) < from || instantOf(second) > to;
