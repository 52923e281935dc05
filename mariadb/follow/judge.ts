/**
 * Where the archive goes on when the server was reached again: what it has is held against what is archived. The one
 * place where that is decided; the judgement itself is arithmetic, in domain/archive/reconnect.ts.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import type { ArchivePoint, BinlogPoint, TimelineFacts } from '../../domain/archive/facts.ts';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { reconnect, type RestoredPoint } from '../../domain/archive/reconnect.ts';
import type { ArchivedFile } from '../../domain/archive/server-view.ts';
import { holeBefore, type NewHole, type Verdict } from '../../domain/archive/verdict.ts';
import { archivedTimeline, type ArchivedSegments } from './archived.ts';
import { forgetRestore, restoredSince } from './restored.ts';
import type { Tail } from './resume.ts';
import { readSeen, type Seen, writeSeen } from './seen.ts';
import { type Survey, surveyServer } from './survey.ts';

export interface Known {
  server: ServerSettings;
  archive: SegmentArchive;
  /** The agent's own. */
  stateDirectory: string;
  /** Where archiving begins, when nothing is archived. */
  start: BinlogPoint;
  /** The one that was followed last first; empty when nothing is archived. */
  timelines: TimelineFacts[];
  /** Of the first of them; undefined while nothing of it is archived. */
  tail: Tail | undefined;
  /** What follows there cannot be read. */
  unreadable?: BinlogPoint | undefined;
  /** What comes behind this is not what was archived. */
  diverged?: BinlogPoint | undefined;
  signal: AbortSignal;
}

/** What follows. */
export type Judgement = Verdict;

export type Judge = (known: Known) => Promise<Judgement>;

/** Earlier timelines that a server can be put back to. */
const earlierOnes = 5;

/** @throws the errors of `connect`, privilege_missing, archive_failed, and what a store throws */
export const judge: Judge = async (known) => {
  const { server, archive, stateDirectory, signal } = known;
  const folder = path.join(stateDirectory, 'follow');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const timelines: ArchivedSegments[] = [];
  for (const timeline of known.timelines.slice(0, 1 + earlierOnes))
    timelines.push(await archivedTimeline(archive, timeline, signal));
  const [current, ...earlier] = timelines;
  const survey = await surveyServer({
    server,
    stateDirectory,
    folder,
    signal,
    segmentsOf: (archived) => segmentsOf(timelines, archived),
  });
  if (!current) return await firstOf(survey, known.start);
  const seen = await readSeen(stateDirectory);
  const same = seen?.timeline === current.timeline ? seen : undefined;
  const told = { ...current, ...(same && { seen: { life: same.life, lsn: same.lsn } }) };
  const restored = await restoreOf(known, timelines);
  const unreadable = known.unreadable ?? (await cutOff(current, survey));
  const off = same?.offFrom && openHole(current, same);
  const verdict = await reconnect([told, ...earlier], survey, { restored, unreadable, off });
  await note(stateDirectory, verdict, { survey, current });
  return await withBranchTime(verdict, timelines);
};

/** Nothing is archived yet. */
async function firstOf(survey: Survey, start: BinlogPoint): Promise<Verdict> {
  const shown = survey.files.find(({ file }) => file === start.file) ?? survey.files[0];
  if (!survey.keepsBinlog || !shown) return { kind: 'no_binlog' };
  const { gtid } = await survey.head(shown.file);
  return {
    kind: 'new_timeline',
    timeline: { cause: 'first', begins: { file: shown.file, position: 0, gtid } },
  };
}

async function segmentsOf(
  timelines: readonly ArchivedSegments[],
  archived: ArchivedFile,
): ReturnType<ArchivedSegments['segments']> {
  for (const timeline of timelines) {
    if (!timeline.files.includes(archived.file)) continue;
    if ((await timeline.file(archived.file)) === archived) return await timeline.segments(archived.file);
    const [first] = await timeline.segments(archived.file);
    if (first?.head === archived.head.digest) return await timeline.segments(archived.file);
  }
  return [];
}

/** The last restore, when the first of the timelines is not the one that came of it. */
async function restoreOf(
  { stateDirectory, timelines: [current] }: Known,
  timelines: readonly ArchivedSegments[],
): Promise<RestoredPoint | undefined> {
  const note = await restoredSince(stateDirectory);
  if (!note) return undefined;
  if (current?.cause === 'restore' && current.createdAt >= note.at) {
    await forgetRestore(stateDirectory);
    return undefined;
  }
  const { branch, replaced } = note;
  const timeline = note.timeline ?? (branch && (await onlyWith(timelines, branch)));
  return {
    ...(branch && timeline !== undefined && { parent: { timeline, branch } }),
    ...(replaced && { replaced }),
  };
}

/** The one timeline that has a place archived; undefined where several have. */
async function onlyWith(
  timelines: readonly ArchivedSegments[],
  { file, position }: ArchivePoint,
): Promise<string | undefined> {
  const having: string[] = [];
  for (const timeline of timelines) {
    const archived = timeline.files.includes(file) ? await timeline.file(file) : undefined;
    if (archived && archived.end >= position) having.push(timeline.timeline);
  }
  return having.length === 1 ? having[0] : undefined;
}

/** Where the newest archived file ends inside an event, behind which the server went on in another file. */
async function cutOff({ last }: ArchivedSegments, survey: Survey): Promise<BinlogPoint | undefined> {
  if (!last) return undefined;
  const shown = survey.files.slice(0, -1).find(({ file }) => file === last.file);
  if (!shown || shown.size <= last.end) return undefined;
  const end = { file: last.file, position: last.end };
  return (await survey.goesOn(end)) ? undefined : end;
}

/** Of the binlog that was seen switched off. */
function openHole(current: ArchivedSegments, { offFrom }: Seen): NewHole {
  const hole = holeBefore(current, 'binlog_off');
  return offFrom ? { ...hole, from: offFrom } : hole;
}

/** For the next look. */
async function note(
  stateDirectory: string,
  verdict: Verdict,
  { survey, current }: { survey: Survey; current: ArchivedSegments },
): Promise<void> {
  const { life } = survey;
  const timeline = verdict.kind === 'goes_on' ? verdict.timeline : current.timeline;
  // A timeline that begins is not there before its first segment: until then the same is judged again.
  if (verdict.kind === 'new_timeline') return;
  const from = verdict.kind === 'no_binlog' ? verdict.hole?.from : undefined;
  await writeSeen(stateDirectory, {
    timeline,
    ...(life !== undefined && { life }),
    lsn: survey.syncedLsn,
    ...(from && { offFrom: from }),
  });
}

/** What the commit clock says of the instant of a branch: everything confirmed by then lies before it. */
async function withBranchTime(verdict: Verdict, timelines: readonly ArchivedSegments[]): Promise<Verdict> {
  if (verdict.kind !== 'new_timeline') return verdict;
  const { parent, branch } = verdict.timeline;
  const known = timelines.find(({ timeline }) => timeline === parent);
  if (!known || !branch || !known.files.includes(branch.file)) return verdict;
  const segments = await known.segments(branch.file);
  const samples = segments.flatMap(({ clock }) => clock);
  const branchTime = samples.findLast(({ position }) => position <= branch.position)?.t0;
  if (branchTime === undefined) return verdict;
  return { ...verdict, timeline: { ...verdict.timeline, branchTime } };
}
