/**
 * Archived binlogs. What a follower reports is written in one transaction with the stretches that its segments make up,
 * alone among those that work on the service; afterwards the millions of segments are asked for only when a few of them
 * are wanted.
 */
import type { Kysely, Transaction } from 'kysely';
import type {
  FollowReport,
  FollowState,
  HoleFacts,
  SegmentFacts,
  TimelineFacts,
} from '../domain/archive/facts.ts';
import { breaksIn } from '../domain/archive/breaks.ts';
import { lagBefore, recordedState } from '../domain/archive/following.ts';
import { sortable } from '../domain/archive/instants.ts';
import { fileNumber, type StretchFacts, withSegment } from '../domain/archive/stretches.ts';
import { insertBreaks } from './breaks.ts';
import { cutOut, type SegmentKey } from './archive-cuts.ts';
import { replaceStretches, stretchesOf } from './archive-stretches.ts';
import { holeText, inOrder, nowWritten, segmentOf, segmentRow, timelineText } from './archive-rows.ts';
import type { SegmentSearch } from './archive-search.ts';
import type { ArchiveCatalog } from './archive-types.ts';
import type { RecoveryCatalog } from './recovery-facts.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';

export function archiveIn(
  database: Database,
): Omit<ArchiveCatalog, keyof RecoveryCatalog | keyof SegmentSearch> {
  return {
    async recordArchive(serviceId, report, { alarm = false } = {}) {
      return await database.writeAlone(serviceId, async (db) => {
        const timelines = await recordTimelines(db, serviceId, report.timelines);
        await recordSegments(db, serviceId, report);
        const holes: HoleFacts[] = [];
        for (const hole of report.holes) if (await recordHole(db, serviceId, hole)) holes.push(hole);
        if (alarm && timelines.length + holes.length > 0) {
          const known = await timelinesOf(db, serviceId);
          await insertBreaks(db, serviceId, breaksIn({ timelines, holes }, known));
        }
        return await recordState(db, serviceId, report.state);
      });
    },

    async findFollowState(serviceIds) {
      if (serviceIds.length === 0) return new Map();
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('follow_states')
            .select(['service_id', 'state'])
            .where('service_id', 'in', [...serviceIds])
            .execute(),
      );
      return new Map(rows.map((row) => [row.service_id, JSON.parse(row.state) as FollowState]));
    },

    archiveFacts: async (serviceId) =>
      await database.snapshot(async (db) => await archiveFactsOf(db, serviceId)),

    async segmentsOfFile(serviceId, file) {
      return await database.snapshot(async (db) => {
        const timelines = await db
          .selectFrom('stretches')
          .select('timeline')
          .distinct()
          .where('service_id', '=', serviceId)
          .orderBy('timeline')
          .execute();
        const found: SegmentFacts[] = [];
        // The key has the timeline before the file.
        for (const { timeline } of timelines) {
          const rows = await db
            .selectFrom('segments')
            .selectAll()
            .where('service_id', '=', serviceId)
            .where('timeline', '=', timeline)
            .where('file_number', '=', fileNumber(file))
            .where('file', '=', file)
            .orderBy('start_position')
            .orderBy('end_position')
            .execute();
          found.push(...rows.map(segmentOf));
        }
        return found;
      });
    },

    async segmentsFrom(serviceId, { timeline, file, position }, limit) {
      const number = fileNumber(file);
      const rows = await database.read(async (db) => {
        const containing = await db
          .selectFrom('segments')
          .select('start_position')
          .where('service_id', '=', serviceId)
          .where('timeline', '=', timeline)
          .where('file_number', '=', number)
          .where('file', '=', file)
          .where('start_position', '<=', position)
          .where('end_position', '>', position)
          .orderBy('start_position', 'desc')
          .limit(1)
          .executeTakeFirst();
        return await db
          .selectFrom('segments')
          .selectAll()
          .where('service_id', '=', serviceId)
          .where('timeline', '=', timeline)
          .where((where) =>
            where(
              where.refTuple('file_number', 'file', 'start_position'),
              '>=',
              where.tuple(number, file, containing?.start_position ?? position),
            ),
          )
          .orderBy('file_number')
          .orderBy('file')
          .orderBy('start_position')
          .orderBy('end_position')
          .limit(limit)
          .execute();
      });
      return rows.map(segmentOf);
    },

    async forgetSegments(serviceId, segments) {
      await database.writeAlone(serviceId, async (db) => {
        await cutOut(db, serviceId, segments);
      });
    },
  };
}

/** All timelines, stretches and holes of a service. */
export async function archiveFactsOf(
  db: Kysely<Tables>,
  serviceId: string,
): ReturnType<ArchiveCatalog['archiveFacts']> {
  const stretches = await db
    .selectFrom('stretches')
    .selectAll()
    .where('service_id', '=', serviceId)
    .execute();
  const holes = await db
    .selectFrom('archive_holes')
    .select('facts')
    .where('service_id', '=', serviceId)
    .execute();
  return {
    timelines: await timelinesOf(db, serviceId),
    stretches: inOrder(stretches),
    holes: holes
      .map(({ facts }) => JSON.parse(facts) as HoleFacts)
      .toSorted((a, b) => (a.fromTime < b.fromTime ? -1 : 1)),
  };
}

/** In the order in which they were made. */
async function timelinesOf(db: Kysely<Tables>, serviceId: string): Promise<TimelineFacts[]> {
  const rows = await db.selectFrom('timelines').select('facts').where('service_id', '=', serviceId).execute();
  return rows
    .map(({ facts }) => JSON.parse(facts) as TimelineFacts)
    .toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

/** @returns those that were not known */
async function recordTimelines(
  db: Transaction<Tables>,
  serviceId: string,
  timelines: readonly TimelineFacts[],
): Promise<TimelineFacts[]> {
  const added: TimelineFacts[] = [];
  for (const timeline of timelines) {
    const row = await db
      .insertInto('timelines')
      .values({ service_id: serviceId, id: timeline.id, facts: timelineText(timeline) })
      .onConflict((conflict) => conflict.columns(['service_id', 'id']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (row) added.push(timeline);
  }
  return added;
}

async function recordSegments(
  db: Transaction<Tables>,
  serviceId: string,
  { segments, joined }: Pick<FollowReport, 'segments' | 'joined'>,
): Promise<void> {
  const added: SegmentFacts[] = [];
  const covered: SegmentKey[] = [];
  const going = await goingFiles(db, serviceId);
  for (const segment of segments) {
    // Its objects are being removed.
    if (going.has(`${segment.timeline}/${segment.file}`)) continue;
    // One that is known, or that another took the place of since.
    if (await isCovered(db, serviceId, segment)) continue;
    // Whoever was to tell that it takes their place may have been ended before.
    covered.push(...(await coveredBy(db, serviceId, segment)));
    await db.insertInto('segments').values(segmentRow(serviceId, segment)).execute();
    added.push(segment);
  }
  for (const timeline of new Set(added.map((segment) => segment.timeline))) {
    const known = await stretchesOf(db, serviceId, timeline);
    const now = added
      .filter((segment) => segment.timeline === timeline)
      .reduce<readonly StretchFacts[]>(withSegment, known);
    await replaceStretches(db, serviceId, known, now);
  }
  // Last, so that what they held is held by others already.
  const replaced = [...covered, ...joined];
  if (replaced.length > 0) await cutOut(db, serviceId, replaced);
}

/** The files that are being pruned, each as `<timeline>/<file>`. */
async function goingFiles(db: Kysely<Tables>, serviceId: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom('prunings')
    .select(['timeline', 'file'])
    .where('service_id', '=', serviceId)
    .execute();
  return new Set(rows.map(({ timeline, file }) => `${timeline}/${file}`));
}

/** The smaller ones in whose place a segment is. */
async function coveredBy(
  db: Kysely<Tables>,
  serviceId: string,
  { timeline, file, start, end }: SegmentKey,
): Promise<SegmentKey[]> {
  const rows = await db
    .selectFrom('segments')
    .select(['start_position', 'end_position'])
    .where('service_id', '=', serviceId)
    .where('timeline', '=', timeline)
    .where('file_number', '=', fileNumber(file))
    .where('file', '=', file)
    .where('start_position', '>=', start)
    .where('start_position', '<', end)
    .where('end_position', '<=', end)
    .execute();
  return rows.map((row) => ({ timeline, file, start: row.start_position, end: row.end_position }));
}

async function isCovered(db: Kysely<Tables>, serviceId: string, segment: SegmentKey): Promise<boolean> {
  const row = await db
    .selectFrom('segments')
    .select('end_position')
    .where('service_id', '=', serviceId)
    .where('timeline', '=', segment.timeline)
    .where('file_number', '=', fileNumber(segment.file))
    .where('file', '=', segment.file)
    .where('start_position', '<=', segment.start)
    .orderBy('start_position', 'desc')
    .orderBy('end_position', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined && row.end_position >= segment.end;
}

/** A hole that is known is ended by the same one with an end, and never opened again. @returns whether it was not known */
async function recordHole(db: Transaction<Tables>, serviceId: string, hole: HoleFacts): Promise<boolean> {
  const key = {
    service_id: serviceId,
    timeline: hole.timeline,
    from_file: hole.from.file,
    from_position: hole.from.position,
    cause: hole.cause,
  };
  const facts = holeText(hole);
  const known = await db
    .selectFrom('archive_holes')
    .select('facts')
    .where((eb) => eb.and(key))
    .executeTakeFirst();
  if (!known) {
    await db
      .insertInto('archive_holes')
      .values({ ...key, facts })
      .execute();
    return true;
  }
  const { to, toTime } = JSON.parse(known.facts) as HoleFacts;
  const ends =
    (to === undefined && hole.to !== undefined) || (toTime === undefined && hole.toTime !== undefined);
  if (!ends) return false;
  await db
    .updateTable('archive_holes')
    .set({ facts })
    .where((eb) => eb.and(key))
    .execute();
  return false;
}

/** A report that is told again does not put the follower back. */
async function recordState(
  db: Transaction<Tables>,
  serviceId: string,
  told: FollowState,
): ReturnType<ArchiveCatalog['recordArchive']> {
  const known = await db
    .selectFrom('follow_states')
    .select('state')
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
  const before = known && (JSON.parse(known.state) as FollowState);
  const id = told.timeline === '' ? before?.timeline : told.timeline;
  const timeline = id === undefined ? undefined : await findTimeline(db, serviceId, id);
  const state = recordedState(before, told, timeline);
  const lookedAt = sortable(state.lookedAt);
  const row = { service_id: serviceId, looked_at: lookedAt, state: JSON.stringify(state) };
  await db
    .insertInto('follow_states')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('service_id')
        .doUpdateSet({ looked_at: row.looked_at, state: row.state })
        // One from the future is of a clock that was put right since.
        .where((eb) =>
          eb.or([
            eb('follow_states.looked_at', '<=', lookedAt),
            eb('follow_states.looked_at', '>', nowWritten()),
          ]),
        ),
    )
    .execute();
  const lagSeconds = lagBefore(before, state, timeline);
  return { state, ...(lagSeconds !== undefined && { lagSeconds }) };
}

async function findTimeline(
  db: Kysely<Tables>,
  serviceId: string,
  id: string,
): Promise<TimelineFacts | undefined> {
  const row = await db
    .selectFrom('timelines')
    .select('facts')
    .where('service_id', '=', serviceId)
    .where('id', '=', id)
    .executeTakeFirst();
  return row && (JSON.parse(row.facts) as TimelineFacts);
}
