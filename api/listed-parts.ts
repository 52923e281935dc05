/** Which segments of the archive one page of transactions is read from: as the catalog knows them. */
import type { Catalog } from '../catalog/types.ts';
import type { BinlogPoint, SegmentFacts } from '../domain/archive/facts.ts';
import { followingOf, isBehind, type ListingSpan, rangesOfListing } from '../domain/archive/listing.ts';
import type { BinlogRange } from '../domain/archive/plan-types.ts';
import { Archive } from '../domain/archive/reach.ts';
import { comparePlaces } from '../domain/archive/stretches.ts';
import type { ListedPart, TransactionCursor } from '../domain/archive/transactions.ts';

/** Of one page: an agent reads fewer when they are large. */
const mostSegments = 400;
const mostBytes = 512 * 1024 ** 2;
/** How many are asked of the catalog at once. */
const rowsAtOnce = 200;

export interface ListedParts {
  parts: ListedPart[];
  /** Where there is more. */
  more?: TransactionCursor;
}

type ArchiveReader = Pick<
  Catalog,
  'archiveFacts' | 'findFollowState' | 'segmentAt' | 'segmentsFrom' | 'segmentsOfFile'
>;

/** @throws invalid_request for a timeline that there is not, and a cursor of another list */
export async function partsToList(
  catalog: ArchiveReader,
  serviceId: string,
  span: ListingSpan,
): Promise<ListedParts> {
  const facts = await catalog.archiveFacts(serviceId);
  const state = (await catalog.findFollowState([serviceId])).get(serviceId);
  const archive = new Archive({ backups: [], ...facts, ...(state && { state }) });
  const room = { segments: mostSegments, bytes: mostBytes };
  const parts: ListedPart[] = [];
  for (const range of rangesOfListing(archive, span)) {
    const begin = await beginOf(catalog, serviceId, range, span);
    if (!begin) continue;
    const { segments, full } = await segmentsOf(catalog, serviceId, { range, begin: begin.at, span }, room);
    const { timeline, from, to } = range;
    if (segments.length > 0) {
      const { head, before } = begin;
      parts.push({ timeline, from, to, segments: segments.map(short), head, ...(before && { before }) });
    }
    const last = segments.at(-1);
    if (full && last) return { parts, more: { timeline, file: last.file, position: last.wholeEnd } };
  }
  return { parts };
}

function short({ file, start, end }: SegmentFacts): ListedPart['head'] {
  return { file, start, end };
}

/**
 * Where reading begins: a segment that begins between two transactions, because the first one that is asked for may have
 * begun long before its end.
 *
 * @returns undefined when nothing of the range is late enough
 */
async function beginOf(
  catalog: ArchiveReader,
  serviceId: string,
  range: BinlogRange,
  { from, after }: ListingSpan,
): Promise<(Pick<ListedPart, 'head' | 'before'> & { at: BinlogPoint }) | undefined> {
  let at = range.from;
  if (from !== undefined && after?.timeline !== range.timeline) {
    const found = await catalog.segmentAt(serviceId, range, { time: from });
    if (!found) return undefined;
    const place = { file: found.file, position: found.start };
    if (comparePlaces(place, at) > 0) at = place;
  }
  const { timeline } = range;
  const segments = await fileOf(catalog, serviceId, { timeline, file: at.file });
  const [head] = segments;
  if (!head) return undefined;
  let index = segments.findIndex(({ end }) => end > at.position);
  if (index < 0) index = segments.length;
  while (index > 0 && index < segments.length && segments[index - 1]!.wholeEnd !== segments[index - 1]!.end) {
    index -= 1;
  }
  const first = segments[index];
  const file = index === 0 ? fileBefore(at.file) : undefined;
  const before = file ? (await fileOf(catalog, serviceId, { timeline, file })).at(-1) : segments[index - 1];
  return {
    at: first ? { file: first.file, position: first.start } : at,
    head: short(head),
    ...(before && { before: short(before) }),
  };
}

async function fileOf(
  catalog: ArchiveReader,
  serviceId: string,
  { timeline, file }: { timeline: string; file: string },
): Promise<SegmentFacts[]> {
  const segments = await catalog.segmentsOfFile(serviceId, file);
  return followingOf(segments.filter((segment) => segment.timeline === timeline));
}

/** @example fileBefore('binlog.000010') // 'binlog.000009' */
function fileBefore(file: string): string {
  return file.replace(/\d+$/, (digits) => String(Number(digits) - 1).padStart(digits.length, '0'));
}

async function segmentsOf(
  catalog: ArchiveReader,
  serviceId: string,
  { range, begin, span }: { range: BinlogRange; begin: BinlogPoint; span: ListingSpan },
  room: { segments: number; bytes: number },
): Promise<{ segments: SegmentFacts[]; full: boolean }> {
  const found: SegmentFacts[] = [];
  for (let place = begin; ;) {
    const rows = await catalog.segmentsFrom(serviceId, { timeline: range.timeline, ...place }, rowsAtOnce);
    const segments = followingOf(rows);
    for (const segment of segments) {
      const { file, start, end, wholeEnd } = segment;
      const last = found.at(-1);
      if (last && comparePlaces({ file, position: start }, { file: last.file, position: last.end }) < 0)
        continue;
      const isPast = comparePlaces({ file, position: start }, range.to) >= 0;
      if (isPast || isBehind(segment, span.to)) return { segments: found, full: false };
      found.push(segment);
      room.segments -= 1;
      room.bytes -= end - start;
      // Not in the middle of a transaction: the next page would begin before it again.
      if ((room.segments <= 0 || room.bytes <= 0) && wholeEnd > start) return { segments: found, full: true };
    }
    const last = segments.at(-1);
    if (!last || rows.length < rowsAtOnce) return { segments: found, full: false };
    place = { file: last.file, position: last.end };
  }
}
