/** Forgets segments, and cuts the stretches that they were in accordingly: by the segments beside the cuts alone. */
import {
  type Expression,
  type Kysely,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
  type Transaction,
} from 'kysely';
import type { BinlogPoint, Unsampled } from '../domain/archive/facts.ts';
import { comparePlaces, fileNumber, type StretchFacts, stretchOf } from '../domain/archive/stretches.ts';
import { segmentOf } from './archive-rows.ts';
import { replaceStretches, stretchesOf } from './archive-stretches.ts';
import { present } from './columns.ts';
import type { SegmentRow, Tables } from './schema.ts';

export interface SegmentKey {
  timeline: string;
  file: string;
  start: number;
  end: number;
}

type Forgotten = SegmentKey & { storedBytes: number };
type Range = Pick<SegmentKey, 'file' | 'start' | 'end'>;

/** Those that are not known are left out. The transaction has to be alone on the service. */
export async function cutOut(
  db: Transaction<Tables>,
  serviceId: string,
  segments: readonly SegmentKey[],
): Promise<void> {
  const forgotten: Forgotten[] = [];
  for (const key of segments) {
    const row = await db
      .deleteFrom('segments')
      .where('service_id', '=', serviceId)
      .where('timeline', '=', key.timeline)
      .where('file_number', '=', fileNumber(key.file))
      .where('file', '=', key.file)
      .where('start_position', '=', key.start)
      .where('end_position', '=', key.end)
      .returning('stored_bytes')
      .executeTakeFirst();
    if (row) forgotten.push({ ...key, storedBytes: row.stored_bytes });
  }
  for (const timeline of new Set(forgotten.map((segment) => segment.timeline))) {
    const known = await stretchesOf(db, serviceId, timeline);
    const left: StretchFacts[] = [];
    for (const stretch of known) {
      const inside = forgotten.filter((segment) => segment.timeline === timeline && isIn(segment, stretch));
      left.push(...(inside.length === 0 ? [stretch] : await pieces(db, serviceId, stretch, inside)));
    }
    await replaceStretches(db, serviceId, known, left);
  }
}

function isIn({ file, start }: Range, stretch: StretchFacts): boolean {
  const place = { file, position: start };
  return (
    comparePlaces(place, { file: stretch.fromFile, position: stretch.fromPosition }) >= 0 &&
    comparePlaces(place, { file: stretch.endFile, position: stretch.endPosition }) < 0
  );
}

/** What is left of a stretch. */
async function pieces(
  db: Transaction<Tables>,
  serviceId: string,
  stretch: StretchFacts,
  forgotten: readonly Forgotten[],
): Promise<StretchFacts[]> {
  const gaps: Range[] = [];
  for (const range of together(forgotten)) {
    gaps.push(...(await notHeld(db, serviceId, stretch.timeline, range)));
  }
  if (gaps.length === 0) return [lessened(stretch, forgotten, 0)];
  const from = { file: stretch.fromFile, position: stretch.fromPosition };
  const found: StretchFacts[] = [];
  // Between the gaps, before the first of them, and after the last.
  const starts = [from, ...gaps.map(({ file, end }) => ({ file, position: end }))];
  const ends = gaps.map(({ file, start }) => ({ file, position: start }));
  for (const [index, low] of starts.entries()) {
    const piece = await pieceBetween(db, serviceId, stretch, { low, high: ends[index] });
    if (piece) found.push(piece);
  }
  const [only] = found;
  if (only && found.length === 1) {
    const bytes = gaps.reduce((sum, { start, end }) => sum + end - start, 0);
    return [{ ...only, ...countsOf(lessened(stretch, forgotten, bytes)) }];
  }
  for (const piece of found) Object.assign(piece, await counted(db, serviceId, piece));
  return found;
}

function countsOf({ bytes, storedBytes, segments }: StretchFacts): Partial<StretchFacts> {
  return { bytes, storedBytes, segments };
}

function lessened(stretch: StretchFacts, forgotten: readonly Forgotten[], bytes: number): StretchFacts {
  const storedBytes = forgotten.reduce((sum, segment) => sum + segment.storedBytes, 0);
  return {
    ...stretch,
    bytes: stretch.bytes - bytes,
    storedBytes: stretch.storedBytes - storedBytes,
    segments: stretch.segments - forgotten.length,
  };
}

/** Ranges of one file that meet as one, in their order. */
function together(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) =>
    comparePlaces({ file: a.file, position: a.start }, { file: b.file, position: b.start }),
  );
  const whole: Range[] = [];
  for (const { file, start, end } of sorted) {
    const last = whole.at(-1);
    if (last?.file === file && start <= last.end) last.end = Math.max(last.end, end);
    else whole.push({ file, start, end });
  }
  return whole;
}

/** The parts of a range that no segment holds any more. */
async function notHeld(
  db: Kysely<Tables>,
  serviceId: string,
  timeline: string,
  { file, start, end }: Range,
): Promise<Range[]> {
  const rows = await segmentsIn(db, serviceId, timeline)
    .where('file_number', '=', fileNumber(file))
    .where('file', '=', file)
    .where('start_position', '<', end)
    .where('end_position', '>', start)
    .orderBy('start_position')
    .execute();
  const gaps: Range[] = [];
  let from = start;
  for (const row of rows) {
    if (row.start_position > from) gaps.push({ file, start: from, end: row.start_position });
    from = Math.max(from, row.end_position);
  }
  if (from < end) gaps.push({ file, start: from, end });
  return gaps;
}

function segmentsIn(
  db: Kysely<Tables>,
  serviceId: string,
  timeline: string,
): SelectQueryBuilder<Tables, 'segments', SegmentRow> {
  return db
    .selectFrom('segments')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('timeline', '=', timeline);
}

/** In the order of the key. */
function beginning(comparison: '<' | '>=', { file, position }: BinlogPoint): Expression<SqlBool> {
  const by = sql.raw(comparison);
  return sql<SqlBool>`(file_number, file, start_position) ${by} (${fileNumber(file)}, ${file}, ${position})`;
}

/** What of a stretch begins at `low` or later and before `high`; without counts. */
async function pieceBetween(
  db: Kysely<Tables>,
  serviceId: string,
  stretch: StretchFacts,
  { low, high }: { low: BinlogPoint; high: BinlogPoint | undefined },
): Promise<StretchFacts | undefined> {
  const end = { file: stretch.endFile, position: stretch.endPosition };
  const rows = segmentsIn(db, serviceId, stretch.timeline)
    .where(beginning('>=', low))
    .where(beginning('<', high ?? end));
  const firstRow = await rows
    .orderBy('file_number')
    .orderBy('file')
    .orderBy('start_position')
    .limit(1)
    .executeTakeFirst();
  if (!firstRow) return undefined;
  const backwards = rows
    .orderBy('file_number', 'desc')
    .orderBy('file', 'desc')
    .orderBy('start_position', 'desc')
    .orderBy('end_position', 'desc')
    .limit(1);
  const lastRow = await backwards.executeTakeFirstOrThrow();
  const wholeRow = await backwards
    .where((eb) => eb('whole_end', '>', eb.ref('start_position')))
    .executeTakeFirst();
  const timedRow = await backwards
    .where((eb) => eb.or([eb('sampled_to', 'is not', null), eb('last_event_at', 'is not', null)]))
    .executeTakeFirst();
  const first = stretchOf(segmentOf(firstRow));
  const whole = wholeRow && stretchOf(segmentOf(wholeRow));
  const begins = { file: first.fromFile, position: first.fromPosition };
  const atStart = comparePlaces(begins, { file: stretch.fromFile, position: stretch.fromPosition }) === 0;
  const fromTime = atStart ? stretch.fromTime : (first.fromTime ?? stretch.fromTime);
  const toTime = high === undefined ? stretch.toTime : timedRow && stretchOf(segmentOf(timedRow)).toTime;
  const { toFile, toPosition, toGtid } = whole ?? {
    toFile: first.fromFile,
    toPosition: first.fromPosition,
    toGtid: first.fromGtid,
  };
  return {
    timeline: stretch.timeline,
    fromFile: first.fromFile,
    fromPosition: first.fromPosition,
    fromGtid: first.fromGtid,
    toFile,
    toPosition,
    toGtid,
    endFile: lastRow.file,
    endPosition: lastRow.end_position,
    ...present({ closed: lastRow.closed, fromTime, toTime }),
    unsampled: clipped(stretch.unsampled, fromTime, toTime),
    bytes: 0,
    storedBytes: 0,
    segments: 0,
  };
}

function clipped(parts: readonly Unsampled[], from: string | undefined, to: string | undefined): Unsampled[] {
  if (from === undefined || to === undefined) return [];
  return parts.flatMap((part) =>
    part.to < from || part.from > to
      ? []
      : [{ from: part.from < from ? from : part.from, to: part.to > to ? to : part.to }],
  );
}

/** Walks through all of a piece: only where a stretch is cut in the middle. */
async function counted(
  db: Kysely<Tables>,
  serviceId: string,
  piece: StretchFacts,
): Promise<Pick<StretchFacts, 'bytes' | 'storedBytes' | 'segments'>> {
  const row = await db
    .selectFrom('segments')
    .select(({ fn }) => [
      sql<number>`sum(end_position - start_position)`.as('bytes'),
      fn.sum<number>('stored_bytes').as('stored'),
      fn.countAll<number>().as('segments'),
    ])
    .where('service_id', '=', serviceId)
    .where('timeline', '=', piece.timeline)
    .where(beginning('>=', { file: piece.fromFile, position: piece.fromPosition }))
    .where(beginning('<', { file: piece.endFile, position: piece.endPosition }))
    .executeTakeFirstOrThrow();
  // PostgreSQL adds up into numbers without bounds, which come as text.
  return { bytes: Number(row.bytes), storedBytes: Number(row.stored), segments: Number(row.segments) };
}
