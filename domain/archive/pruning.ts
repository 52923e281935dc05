/**
 * Which archived binlogs no backup could use any more. Pure. What is in doubt stays: a backup whose timeline nobody knows
 * keeps what follows its place on every timeline that has come as far.
 */
import type { BinlogPoint, TimelineFacts } from './facts.ts';
import { comparePlaces, fileNumber, type StretchFacts } from './stretches.ts';

/** A backup that binlogs can be replayed on. */
export interface PruningBase {
  id: string;
  file: string;
  position: number;
  /** Left out where nobody knows. */
  timeline?: string;
}

export interface PruningFacts {
  /** Of every backup that is kept, wherever it lies. */
  bases: readonly PruningBase[];
  /** Whether a backup is under way: where on the binlogs it will stand is not known yet. */
  unfinished: boolean;
  timelines: readonly TimelineFacts[];
  stretches: readonly StretchFacts[];
  /** The file that is being archived. */
  followed?: { timeline: string; file: string };
}

/** From where on a timeline is needed. */
export type Need = BinlogPoint | 'all';

/** By timeline; of one that is not there nothing is needed. */
export type Needs = ReadonlyMap<string, Need>;

export function neededBinlogs(facts: PruningFacts): Needs {
  const { bases, unfinished, timelines, stretches, followed } = facts;
  const known = new Set(timelines.map(({ id }) => id));
  const archived = new Set([...known, ...stretches.map(({ timeline }) => timeline)]);
  const needs = new Map<string, Need>();
  for (const timeline of archived) {
    // Where its timeline.json was not seen, nobody knows what leads to it.
    if (unfinished || !known.has(timeline)) needs.set(timeline, 'all');
  }
  for (const base of bases) {
    for (const timeline of archived) {
      if (couldBeOn(base, timeline, stretches)) need(needs, timeline, base);
    }
  }
  if (followed) need(needs, followed.timeline, { file: followed.file, position: 0 });
  addDescendants(needs, timelines);
  return needs;
}

/** Whether a whole file of a timeline can go. A file goes as a whole: without its beginning nobody reads the rest. */
export function isPrunable(needs: Needs, timeline: string, file: string): boolean {
  const wanted = needs.get(timeline);
  if (wanted === undefined) return true;
  return (
    wanted !== 'all' && baseName(file) === baseName(wanted.file) && fileNumber(file) < fileNumber(wanted.file)
  );
}

function couldBeOn(base: PruningBase, timeline: string, stretches: readonly StretchFacts[]): boolean {
  if (base.timeline !== undefined) return base.timeline === timeline;
  return stretches.some(
    (stretch) =>
      stretch.timeline === timeline &&
      baseName(stretch.endFile) === baseName(base.file) &&
      comparePlaces(base, { file: stretch.endFile, position: stretch.endPosition }) <= 0,
  );
}

function need(needs: Map<string, Need>, timeline: string, { file, position }: BinlogPoint): void {
  const known = needs.get(timeline);
  if (known === 'all') return;
  const place = { file, position };
  if (known === undefined) needs.set(timeline, place);
  else if (baseName(known.file) !== baseName(file)) needs.set(timeline, 'all');
  else if (comparePlaces(place, known) < 0) needs.set(timeline, place);
}

/** Whoever can go on to where a timeline branched can go on along it. */
function addDescendants(needs: Map<string, Need>, timelines: readonly TimelineFacts[]): void {
  const children = Map.groupBy(timelines, ({ parent }) => parent ?? '');
  const open = [...needs.keys()];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const wanted = needs.get(id);
    if (wanted === undefined) continue;
    for (const child of children.get(id) ?? []) {
      if (needs.get(child.id) === 'all' || !leadsTo(wanted, child)) continue;
      needs.set(child.id, 'all');
      open.push(child.id);
    }
  }
}

function leadsTo(wanted: Need, { branch }: TimelineFacts): boolean {
  if (wanted === 'all' || !branch || baseName(branch.file) !== baseName(wanted.file)) return true;
  return comparePlaces(branch, wanted) >= 0;
}

/** `binlog` of `binlog.000007` */
function baseName(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}
