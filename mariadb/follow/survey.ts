/** A look at a server, to be held against what is archived: a question at a time, as they arise. */
import { createHash } from 'node:crypto';
import type { ServerSettings } from '../../config/agent.ts';
import type { ArchivePoint, BinlogPoint } from '../../domain/archive/facts.ts';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import type { ArchivedFile, BinlogHead, ServerView } from '../../domain/archive/server-view.ts';
import { clearInUse } from '../../domain/archive/track.ts';
import { BinlogDamage } from '../../domain/binlog/damage.ts';
import { GtidState } from '../../domain/binlog/gtid.ts';
import { BinlogReader } from '../../domain/binlog/reader.ts';
import { TransactionTracker } from '../../domain/binlog/transactions.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { inspectLayout } from '../server/layout.ts';
import { knownLife } from '../server/lineage.ts';
import { type Connection, connect, rowsOf } from '../server/sql.ts';
import { fetchBytes, type FetchOptions, fetchStream, readHead } from './fetch.ts';

/** How much is compared of what is archived of a file; more when it is not the same. */
const comparedBytes = 64 * 1024 * 1024;

export interface Survey extends ServerView {
  /** How far the redo log is synced. */
  syncedLsn: number;
  /** Whether a whole transaction follows a place in a file: one that was cut off by a crash ends inside of one. */
  goesOn(from: BinlogPoint): Promise<boolean>;
}

export interface SurveyOptions extends FetchOptions {
  stateDirectory: string;
  /** What is archived of a file that is compared. */
  segmentsOf(archived: ArchivedFile): Promise<readonly SegmentHeader[]>;
}

/** @throws database_unreachable, database_access_denied, privilege_missing */
export async function surveyServer(options: SurveyOptions): Promise<Survey> {
  const { server, stateDirectory } = options;
  await using connection = await connect(server);
  const files = await binlogsOf(connection);
  const [lsn, syncedLsn] = [await statusOf(connection, 'current'), await statusOf(connection, 'flushed')];
  const life = await lifeOf(server, stateDirectory, lsn);
  const heads = new Map<string, Promise<BinlogHead>>();
  return {
    keepsBinlog: files !== undefined,
    files: files ?? [],
    life,
    lsn,
    syncedLsn,
    head: (file) => {
      const head = heads.get(file) ?? readHead(file, options);
      heads.set(file, head);
      return head;
    },
    sameUpTo: (archived) => sameUpTo(archived, options),
    places: (file, gtids) => findPlaces(file, gtids, options),
    goesOn: (from) => goesOn(from, files ?? [], options),
  };
}

/** Oldest first; undefined where the server keeps none. */
async function binlogsOf(connection: Connection): Promise<{ file: string; size: number }[] | undefined> {
  const [state] = await rowsOf<{ logBin: number }>(connection, 'SELECT @@log_bin AS logBin');
  if (state?.logBin !== 1) return undefined;
  const logs = await rowsOf<{ Log_name: string; File_size: number | bigint }>(connection, 'SHOW BINARY LOGS');
  return logs.map(({ Log_name: file, File_size: size }) => ({ file, size: Number(size) }));
}

async function statusOf(connection: Connection, which: 'current' | 'flushed'): Promise<number> {
  const [row] = await rowsOf<{ Value: string }>(connection, `SHOW GLOBAL STATUS LIKE 'Innodb_lsn_${which}'`);
  return Number(row?.Value ?? 0);
}

async function lifeOf(
  server: ServerSettings,
  stateDirectory: string,
  lsn: number,
): Promise<string | undefined> {
  const layout = await inspectLayout(server).catch(() => undefined);
  return layout && (await knownLife(stateDirectory, layout, lsn));
}

/** The newest ranges first: what a crash or a snapshot took away is missing at the end. */
async function sameUpTo(archived: ArchivedFile, options: SurveyOptions): Promise<number> {
  const segments = await options.segmentsOf(archived);
  let from = segments.length - 1;
  while (from > 0 && archived.end - segments[from - 1]!.start <= comparedBytes) from -= 1;
  // The server can begin where an event does.
  while (from > 0 && segments[from - 1]!.eventEnd !== segments[from - 1]!.end) from -= 1;
  const tail = segments.slice(from);
  if ((await sameRanges(archived.file, tail, options)) === archived.end) return archived.end;
  return await sameRanges(archived.file, segments, options);
}

/** @returns where the first range ends that is not the same, or all do; of the first range, its start */
async function sameRanges(
  file: string,
  segments: readonly SegmentHeader[],
  options: FetchOptions,
): Promise<number> {
  const [first, ...others] = segments;
  let next = first;
  if (!next) return 0;
  let position = next.start;
  let digest = createHash('sha256');
  try {
    for await (let piece of fetchBytes({ file, position }, options)) {
      if (position === 0) clearInUse(piece);
      while (piece.length > 0) {
        const part = piece.subarray(0, next.end - position);
        digest.update(part);
        position += part.length;
        piece = piece.subarray(part.length);
        if (position < next.end) continue;
        if (digest.digest('hex') !== next.plainSha256) return next.start;
        const after = others.shift();
        if (!after) return next.end;
        [next, digest] = [after, createHash('sha256')];
      }
    }
  } catch (error) {
    // A place that the file does not reach.
    if (!(error instanceof TidemarkError && error.code === 'archive_failed')) throw error;
  }
  return next.start;
}

async function findPlaces(
  file: string,
  gtids: ReadonlySet<string>,
  options: FetchOptions,
): Promise<ArchivePoint[]> {
  const [reader, tracker, places] = [new BinlogReader(), new TransactionTracker(), [] as ArchivePoint[]];
  let state = new GtidState();
  try {
    for await (const piece of fetchBytes({ file, position: 0 }, options)) {
      reader.read(piece, (event) => {
        if (event.body?.kind === 'gtid_list') state = new GtidState(event.body.gtids);
        const transaction = tracker.take(event);
        if (!transaction || transaction.ending === 'nothing') return;
        state.advance(transaction.gtid);
        const gtid = state.position();
        if (gtids.has(gtid)) places.push({ file, position: transaction.end, gtid });
      });
    }
  } catch (error) {
    // What comes before it was found right.
    if (!(error instanceof BinlogDamage)) throw error;
  }
  return places;
}

async function goesOn(
  from: BinlogPoint,
  files: readonly { file: string; size: number }[],
  options: FetchOptions,
): Promise<boolean> {
  const reader = new BinlogReader(from.position > 0 ? { startPosition: from.position } : {});
  const tracker = new TransactionTracker();
  const size = files.find(({ file }) => file === from.file)?.size ?? 0;
  try {
    for await (const piece of fetchStream(from, options)) {
      reader.read(piece, (event) => void tracker.take(event));
      const { position } = reader.end();
      if ((tracker.wholeTo ?? 0) > from.position || position - from.position > comparedBytes) return true;
    }
    return reader.end().position >= size;
  } catch (error) {
    if (error instanceof BinlogDamage) return false;
    if (error instanceof TidemarkError && error.code === 'archive_failed') return false;
    throw error;
  }
}
