/**
 * Letting archived binlogs go. A file's segments leave the catalog together, in the transaction in which it is judged
 * that no backup needs them, for a row that says that their objects have to go: whoever dies in between leaves that row.
 */
import type { Kysely, Transaction } from 'kysely';
import type { FollowState, HoleFacts } from '../domain/archive/facts.ts';
import { isPrunable, type Needs, type PruningFacts } from '../domain/archive/pruning.ts';
import { fileNumber, holds } from '../domain/archive/stretches.ts';

import { backupsOf, moveToRemovals } from './retention.ts';
import { archiveFactsOf } from './archive.ts';
import { cutOut } from './archive-cuts.ts';
import { now, present } from './columns.ts';
import type { Database } from './database.ts';
import type { ArchivedFile, PruningCatalog, PruningRecord } from './pruning-types.ts';
import type { PruningRow, Tables } from './schema.ts';
import { unfinished } from './statuses.ts';

export function pruningsIn(database: Database): PruningCatalog {
  return {
    pruningFacts: async (serviceId) => await database.snapshot(async (db) => await factsOf(db, serviceId)),

    unneededFiles: async (serviceId, needs, limit) =>
      await database.snapshot(async (db) => await filesOf(db, serviceId, needs, limit)),

    async beginPrunings(serviceId, judge, limit) {
      return await database.writeAlone([serviceId], async (db) => {
        const needs = judge(await factsOf(db, serviceId));
        const begun: PruningRecord[] = [];
        for (const file of await filesOf(db, serviceId, needs, limit)) {
          begun.push(await beginOne(db, serviceId, file));
        }
        await forgetHoles(db, serviceId, needs);
        if (begun.length > 0) await removeBinlogBackups(db, serviceId);
        return begun;
      });
    },

    async listPrunings() {
      const rows = await database.read(
        async (db) => await db.selectFrom('prunings').selectAll().orderBy('began_at').execute(),
      );
      return rows.map(recordOf);
    },

    async finishPruning({ serviceId, timeline, file }) {
      await database.write(async (db) => {
        await db
          .deleteFrom('prunings')
          .where('service_id', '=', serviceId)
          .where('timeline', '=', timeline)
          .where('file', '=', file)
          .execute();
      });
    },
  };
}

async function factsOf(db: Kysely<Tables>, serviceId: string): Promise<PruningFacts> {
  const { timelines, stretches } = await archiveFactsOf(db, serviceId);
  const backups = db
    .selectFrom('services')
    // The index begins with the organization.
    .innerJoin('backups', (join) =>
      join
        .onRef('backups.organization', '=', 'services.organization')
        .onRef('backups.service_id', '=', 'services.service_id'),
    )
    .where('services.service_id', '=', serviceId);
  const bases = await backups
    .select(['backups.id', 'backups.binlog_file', 'backups.binlog_position', 'backups.timeline'])
    .where('backups.status', '=', 'Succeeded')
    .where('backups.type', '<>', 'binarylog')
    .execute();
  const open = await backups.select('backups.id').where(unfinished).limit(1).executeTakeFirst();
  const row = await db
    .selectFrom('follow_states')
    .select('state')
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
  const state = row && (JSON.parse(row.state) as FollowState);
  return {
    bases: bases.flatMap(({ id, binlog_file: file, binlog_position: position, timeline }) =>
      file === null || position === null ? [] : [{ id, file, position, ...present({ timeline }) }],
    ),
    unfinished: open !== undefined,
    timelines,
    stretches,
    ...(state && { followed: { timeline: state.timeline, file: state.archived.file } }),
  };
}

/** From the first file of each timeline on, up to the first that is needed. */
async function filesOf(
  db: Kysely<Tables>,
  serviceId: string,
  needs: Needs,
  limit: number,
): Promise<ArchivedFile[]> {
  const timelines = await db
    .selectFrom('stretches')
    .select('timeline')
    .distinct()
    .where('service_id', '=', serviceId)
    .orderBy('timeline')
    .execute();
  const found: ArchivedFile[] = [];
  for (const { timeline } of timelines) {
    for (let after = -1; found.length < limit;) {
      const next = await fileAfter(db, serviceId, timeline, after);
      if (!next || !isPrunable(needs, timeline, next.file)) break;
      found.push(next);
      after = fileNumber(next.file);
    }
  }
  return found;
}

/** The next file of a timeline that anything is archived of. */
async function fileAfter(
  db: Kysely<Tables>,
  serviceId: string,
  timeline: string,
  after: number,
): Promise<ArchivedFile | undefined> {
  const segments = db
    .selectFrom('segments')
    .where('service_id', '=', serviceId)
    .where('timeline', '=', timeline);
  const first = await segments
    .select(['file', 'file_number'])
    .where('file_number', '>', after)
    .orderBy('file_number')
    .orderBy('file')
    .limit(1)
    .executeTakeFirst();
  if (!first) return undefined;
  const { count, bytes } = await segments
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.sum<number>('stored_bytes').as('bytes')])
    .where('file_number', '=', first.file_number)
    .where('file', '=', first.file)
    .executeTakeFirstOrThrow();
  // PostgreSQL adds up into numbers without bounds, which come as text.
  return { timeline, file: first.file, segments: Number(count), storedBytes: Number(bytes) };
}

async function beginOne(
  db: Transaction<Tables>,
  serviceId: string,
  { timeline, file, segments, storedBytes }: ArchivedFile,
): Promise<PruningRecord> {
  const rows = await db
    .selectFrom('segments')
    .select(['start_position', 'end_position'])
    .where('service_id', '=', serviceId)
    .where('timeline', '=', timeline)
    .where('file_number', '=', fileNumber(file))
    .where('file', '=', file)
    .execute();
  await cutOut(
    db,
    serviceId,
    rows.map((row) => ({ timeline, file, start: row.start_position, end: row.end_position })),
  );
  const counts = { segments, stored_bytes: storedBytes, began_at: now() };
  const row = await db
    .insertInto('prunings')
    .values({ service_id: serviceId, timeline, file, ...counts })
    .onConflict((conflict) => conflict.columns(['service_id', 'timeline', 'file']).doUpdateSet(counts))
    .returningAll()
    .executeTakeFirstOrThrow();
  return recordOf(row);
}

/** Of those that stand for binlogs alone what they end with is gone: they stand for nothing any more. */
async function removeBinlogBackups(db: Transaction<Tables>, serviceId: string): Promise<void> {
  const { stretches } = await archiveFactsOf(db, serviceId);
  const rows = (await backupsOf(db, serviceId, 'all')).filter(
    ({ type, status }) => type === 'binarylog' && status === 'Succeeded',
  );
  if (rows.length === 0) return;
  const ends = await db
    .selectFrom('backups')
    .select(['id', 'timeline', 'binlog_file', 'binlog_position'])
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .execute();
  const gone = ends.filter(({ timeline, binlog_file: file, binlog_position: position }) => {
    if (file === null || position === null) return false;
    return !stretches.some(
      (stretch) => (timeline === null || stretch.timeline === timeline) && holds(stretch, { file, position }),
    );
  });
  const reason =
    'The archived binlogs that it stands for were removed, because no backup that is kept could use them.';
  const verdicts = gone.map(({ id }) => ({ id, keep: false, reason }));
  await moveToRemovals(db, rows, verdicts);
}

/** A hole among what is gone is none any more. */
async function forgetHoles(db: Transaction<Tables>, serviceId: string, needs: Needs): Promise<void> {
  const holes = await db
    .selectFrom('archive_holes')
    .selectAll()
    .where('service_id', '=', serviceId)
    .execute();
  for (const { facts, timeline, from_file, from_position, cause } of holes) {
    const { to } = JSON.parse(facts) as HoleFacts;
    if (to === undefined || !isPrunable(needs, timeline, to.file)) continue;
    await db
      .deleteFrom('archive_holes')
      .where((eb) => eb.and({ service_id: serviceId, timeline, from_file, from_position, cause }))
      .execute();
  }
}

function recordOf(row: PruningRow): PruningRecord {
  return {
    serviceId: row.service_id,
    timeline: row.timeline,
    file: row.file,
    segments: row.segments,
    storedBytes: row.stored_bytes,
    beganAt: row.began_at,
  };
}
