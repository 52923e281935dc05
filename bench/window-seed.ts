/**
 * A catalog with a year of one service: backups at equal distances, in turns a full, six incrementals on it and a dump;
 * and from the twelfth day on binlogs, a segment of one megabyte at equal distances. They make up ten stretches on four
 * timelines, as three restores and six purges leave behind. Thirty times in each nobody looked at the clock for a minute.
 */
import { Kysely, sql } from 'kysely';
import { archiveIn } from '../catalog/archive.ts';
import { replaceStretches } from '../catalog/archive-stretches.ts';
import { Database } from '../catalog/database.ts';
import { migrateToLatest } from '../catalog/migrate.ts';
import type { BackupRow, Tables } from '../catalog/schema.ts';
import type { ArchivePoint, TimelineFacts } from '../domain/archive/facts.ts';
import { microInstant } from '../domain/archive/instants.ts';
import type { StretchFacts } from '../domain/archive/stretches.ts';
import type { BenchCatalog } from './catalogs.ts';
import { addServices, firstDay, type Words, wordsOf } from './seed-words.ts';

export const organization = 'bench';
export const serviceId = 'service';

const day = 86_400;
const begun = 12 * day;
const lastSecond = 365 * day;
const segmentBytes = 1_000_000;
const segmentsOfFile = 1_000;
const stretchCount = 10;
/** The last of each stretch that are missing: one in so many. */
const missing = 100;
const slice = 50_000;

export interface YearOf {
  backups: number;
  segments: number;
}

/** Migrates the catalog and fills it. */
export async function seedYear({ backend, kind }: BenchCatalog, year: YearOf): Promise<void> {
  const kysely = new Kysely<Tables>({ dialect: backend.dialect });
  const database = new Database(kysely, backend);
  const words = wordsOf(kind);
  try {
    await migrateToLatest(kysely);
    await database.write(async (db) => {
      await addServices(db, words, { organization, services: 1, name: sql.lit(serviceId) });
      await replaceStretches(db, serviceId, [], stretchesOf(year));
    });
    for (let from = 0; from < year.backups; from += 500) {
      const numbers = Array.from({ length: Math.min(500, year.backups - from) }, (_, n) => from + n);
      await database.write(async (db) => {
        const rows = numbers.map((n) => backupRow(n, year));
        await db.insertInto('backups').values(rows).execute();
      });
    }
    for (let from = 0; from < year.segments; from += slice) await addSegments(database, words, year, from);
    await archiveIn(database).recordArchive(serviceId, reportOf(year));
    await sql`analyze`.execute(kysely);
  } finally {
    await database.close();
  }
}

/** Where the binlog ended at a second of the year. */
function placeAt(seconds: number, { segments }: YearOf): ArchivePoint {
  const bytes = Math.floor(((seconds - begun) / (lastSecond - begun)) * segments * segmentBytes);
  // What was before following began is counted back from the first file that it found.
  const file = Math.floor(bytes / segmentBytes / segmentsOfFile);
  return {
    file: `binlog.${String(file + 1_000).padStart(6, '0')}`,
    position: bytes - file * segmentBytes * segmentsOfFile,
    gtid: `0-1-${Math.floor(bytes / 1_000) + 1_000_000_000}`,
  };
}

function timelineOf(stretch: number): string {
  return String(Math.floor(stretch / 3)).padStart(32, 'c');
}

/** Seconds of the year in which a stretch begins and ends. */
function timesOf(stretch: number, { segments }: YearOf): { from: number; to: number } {
  const each = (lastSecond - begun) / segments;
  const first = Math.floor((segments * stretch) / stretchCount);
  const next = Math.floor((segments * (stretch + 1)) / stretchCount);
  const last = next - Math.ceil((next - first) / missing);
  return { from: begun + first * each, to: begun + last * each };
}

const instantAt = (seconds: number): string => microInstant(Math.round((firstDay + seconds) * 1_000_000));

function stretchesOf(year: YearOf): StretchFacts[] {
  return Array.from({ length: stretchCount }, (_, number): StretchFacts => {
    const { from, to } = timesOf(number, year);
    const [first, last] = [placeAt(from, year), placeAt(to, year)];
    const bytes = ((to - from) / (lastSecond - begun)) * year.segments * segmentBytes;
    const unsampled = Array.from({ length: 30 }, (__, part) => {
      const at = from + ((to - from) * (part + 1)) / 31;
      return { from: instantAt(at), to: instantAt(at + 60) };
    });
    return {
      timeline: timelineOf(number),
      fromFile: first.file,
      fromPosition: first.position,
      fromGtid: first.gtid,
      toFile: last.file,
      toPosition: last.position,
      toGtid: last.gtid,
      endFile: last.file,
      endPosition: last.position,
      fromTime: instantAt(from),
      toTime: instantAt(to),
      unsampled,
      bytes: Math.round(bytes),
      storedBytes: Math.round(bytes / 4),
      segments: Math.round(bytes / segmentBytes),
    };
  });
}

function reportOf(year: YearOf): Parameters<ReturnType<typeof archiveIn>['recordArchive']>[1] {
  const numbers = Array.from({ length: stretchCount }, (_, number) => number);
  const begins = numbers.filter((number) => number % 3 === 0);
  const { to } = timesOf(stretchCount - 1, year);
  return {
    timelines: begins.map((number): TimelineFacts => {
      const begins = placeAt(timesOf(number, year).from, year);
      const before = number > 0 && timesOf(number - 1, year).to;
      return {
        id: timelineOf(number),
        begins,
        cause: number === 0 ? 'first' : 'restore',
        createdAt: instantAt(timesOf(number, year).from),
        ...(before !== false && {
          parent: timelineOf(number - 1),
          branch: placeAt(before, year),
          branchTime: instantAt(before),
        }),
      };
    }),
    segments: [],
    joined: [],
    holes: numbers.slice(1).map((number) => {
      const [before, after] = [timesOf(number - 1, year).to, timesOf(number, year).from];
      return {
        timeline: timelineOf(number - 1),
        from: placeAt(before, year),
        to: placeAt(after, year),
        fromTime: instantAt(before),
        toTime: instantAt(after),
        cause: 'purged',
        message: 'The server purged binlogs before they were archived.',
        foundAt: instantAt(after),
      };
    }),
    state: {
      timeline: timelineOf(stretchCount - 1),
      archived: placeAt(to, year),
      archivedTime: instantAt(to),
      lookedAt: instantAt(to),
      lagBytes: 0,
      spoolBytes: 0,
      trouble: '',
    },
  };
}

function backupRow(n: number, year: YearOf): BackupRow {
  const seconds = (lastSecond / year.backups) * n;
  const at = `${instantAt(seconds).slice(0, -4)}Z`;
  const { file, position, gtid } = placeAt(seconds, year);
  const inTurn = n % 8;
  const types = { 0: 'full', 7: 'dump' } as Record<number, 'full' | 'dump' | undefined>;
  const stretch = Math.floor(((seconds - begun) / (lastSecond - begun)) * stretchCount);
  const id = (number: number): string => `${String(number).padStart(32, '0')}:${serviceId}:db-0`;
  return {
    id: id(n),
    organization,
    service_id: serviceId,
    service_name: serviceId,
    server_name: 'db-0',
    schedule_id: n,
    type: types[inTurn] ?? 'incremental',
    method: 'skybucket',
    cloud_provider: '',
    status: 'Succeeded',
    message: 'Backup has succeeded.',
    created_at: at,
    updated_at: at,
    started_at: at,
    ended_at: at,
    point_in_time: at,
    reference_full_backup: inTurn > 0 && inTurn < 7 ? id(n - inTurn) : '',
    parent_backup: inTurn > 0 && inTurn < 7 ? id(n - 1) : '',
    binlog_file: file,
    binlog_position: position,
    binlog_gtid: gtid,
    dump_whole: inTurn === 7 ? 1 : null,
    dump_loose: null,
    timeline: stretch < 0 ? null : timelineOf(stretch),
    stored_bytes: 1_000_000,
    uncompressed_bytes: 3_000_000,
    manifest_sha256: '',
    progress: null,
    due_since: null,
    external_bucket_id: null,
  };
}

/** A slice is one statement: a database is given only so long for one. */
async function addSegments(
  database: Database,
  words: Words,
  { segments }: YearOf,
  from: number,
): Promise<void> {
  const last = Math.min(from + slice, segments) - 1;
  // Bytes and transactions of a year are more than 32 bits count.
  const n = sql`cast(n as bigint)`;
  const stretch = sql`(${n} * ${sql.lit(stretchCount)} / ${sql.lit(segments)})`;
  const at = words.instant(
    sql`${sql.lit(begun)} + ${n} * (${sql.lit(lastSecond - begun)} * 1.0 / ${sql.lit(segments)})`,
  );
  const number = sql`(${n} / ${sql.lit(segmentsOfFile)} + 1000)`;
  const start = sql`(${n} % ${sql.lit(segmentsOfFile)} * ${sql.lit(segmentBytes)})`;
  const end = sql`(${start} + ${sql.lit(segmentBytes)})`;
  const gtid = sql`'0-1-' || (${n} * 1000 + 1000000000)`;
  await database.write(async (db) => {
    await sql`with recursive numbers(n) as (select ${sql.lit(from)} union all select n + 1 from numbers where n < ${sql.lit(last)})
      insert into segments (service_id, timeline, file_number, file, start_position, end_position, gtid_before,
        whole_end, gtid_after, first_event_at, last_event_at, sampled_from, sampled_to, stored_bytes, sha256,
        recipients, shipped_at)
      select ${sql.lit(serviceId)}, ${sql.lit('c'.repeat(31))} || (${stretch} / 3), ${number},
        'binlog.' || ${words.padded(number, 6)}, ${start}, ${end}, ${gtid}, ${end}, ${gtid}, ${at}, ${at}, ${at},
        ${at}, 250000, ${sql.lit('ab'.repeat(32))}, '[]', ${at} from numbers`.execute(db);
  });
}
