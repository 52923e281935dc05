/** What is archived of a timeline, from the headers of its segments: a file at a time, as it is asked for. */
import type { ArchivePoint, TimelineFacts } from '../../domain/archive/facts.ts';
import { meeting, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import type { ArchivedFile, ArchivedTimeline } from '../../domain/archive/server-view.ts';
import { numberOf } from './resume.ts';

export interface ArchivedSegments extends ArchivedTimeline {
  /** Of a file of it, by start, each meeting the one before; none where its beginning is not there. */
  segments(file: string): Promise<readonly SegmentHeader[]>;
}

/** @throws what a store throws */
export async function archivedTimeline(
  archive: SegmentArchive,
  { id, begins }: TimelineFacts,
  signal: AbortSignal,
): Promise<ArchivedSegments> {
  const files: string[] = [];
  for await (const file of archive.files(id, signal)) files.push(file);
  files.sort((a, b) => numberOf(a) - numberOf(b));
  const known = new Map<string, Promise<SegmentHeader[]>>();
  const segments = (file: string): Promise<SegmentHeader[]> => {
    const found = known.get(file) ?? readFile(archive, id, file, signal);
    known.set(file, found);
    return found;
  };
  const of = async (file: string): Promise<ArchivedFile | undefined> => fileOf(file, await segments(file));
  let last: ArchivedFile | undefined;
  // What was begun and has no header yet is not there.
  while (files.length > 0 && !(last = await of(files.at(-1)!))) files.pop();
  return { timeline: id, begins, files, file: of, segments, ...(last && { last }) };
}

async function readFile(
  archive: SegmentArchive,
  timeline: string,
  file: string,
  signal: AbortSignal,
): Promise<SegmentHeader[]> {
  const headers: SegmentHeader[] = [];
  for await (const header of archive.headers(timeline, file, signal)) headers.push(header);
  const { segments } = meeting(headers);
  return segments[0]?.start === 0 ? segments : [];
}

function fileOf(file: string, segments: readonly SegmentHeader[]): ArchivedFile | undefined {
  const [first, last] = [segments[0], segments.at(-1)];
  if (!first || !last) return undefined;
  const whole = segments.findLast(({ wholeEnd, start }) => wholeEnd > start);
  return {
    file,
    head: { digest: first.head ?? '', serverId: first.server.serverId, gtid: first.gtidBefore },
    end: last.end,
    wholeEnd: whole?.wholeEnd ?? 0,
    gtidAfter: last.gtidAfter,
    points: segments.flatMap(pointOf),
  };
}

/** Where the last whole transaction ends. */
function pointOf({ file, start, wholeEnd, gtidAfter }: SegmentHeader): ArchivePoint[] {
  return wholeEnd > start ? [{ file, position: wholeEnd, gtid: gtidAfter }] : [];
}
