/**
 * Where the archive of a service goes on when its agent has connected to the server again, or a binlog file has ended:
 * in the same timeline, in a new one, or behind a hole.
 *
 * Binlog names and GTIDs come again with other content, and MariaDB gives a server no unique id. So nothing is taken for
 * a continuation that is not proven to be one: the same head, the same archived bytes, and a Gtid_list that begins with
 * the state that was archived. What a wrong "another" costs is a full backup; a wrong "the same" would restore to a
 * state that never was.
 */
import type { ArchivePoint, BinlogPoint } from './facts.ts';
import { compareGtids } from './gtid-order.ts';
import { commonPlace, findOnServer, surviving } from './places.ts';
import type { ArchivedFile, ArchivedTimeline, BinlogHead, ServerView } from './server-view.ts';
import { branchAt, endOf, holeBefore, type NewHole, unknownBefore, type Verdict } from './verdict.ts';

/** What a restore has left for whoever follows the binlog. */
export interface RestoredPoint {
  /** What the data is that was put in place; left out where no timeline of this service has it. */
  parent?: { timeline: string; branch: ArchivePoint };
  /** Where the binlog of what was there before ended; left out where nobody looked. */
  replaced?: BinlogPoint;
}

export interface Circumstances {
  /** A restore that no timeline was begun for yet. */
  restored?: RestoredPoint | undefined;
  /** What follows there in its file cannot be read, by the server itself or by us. */
  unreadable?: BinlogPoint | undefined;
  /** The binlog was seen switched off, and the hole is open since. */
  off?: NewHole | undefined;
}

/**
 * @param timelines of the service, the one that was followed last first; one at least
 */
export async function reconnect(
  timelines: readonly [ArchivedTimeline, ...ArchivedTimeline[]],
  server: ServerView,
  { restored, unreadable, off }: Circumstances = {},
): Promise<Verdict> {
  const [current, ...earlier] = timelines;
  if (!server.keepsBinlog || server.files.length === 0) {
    const hole = { ...holeBefore(current, 'binlog_off'), ...off };
    return { kind: 'no_binlog', hole };
  }
  if (restored) return await afterRestore(current, server, restored);
  if (off) return await switchedOn(current, server, off);
  const verdict = await judge(current, earlier, server, unreadable);
  const stays = verdict.kind === 'goes_on' && verdict.timeline === current.timeline;
  return (stays && (await dataWentBack(current, server, verdict.from))) || verdict;
}

async function judge(
  current: ArchivedTimeline,
  earlier: readonly ArchivedTimeline[],
  server: ServerView,
  unreadable: BinlogPoint | undefined,
): Promise<Verdict> {
  if (!current.last && (await stillBegins(current, earlier, server))) {
    const from = { file: current.begins.file, position: 0 };
    return { kind: 'goes_on', timeline: current.timeline, from };
  }
  const common = await commonFile(current, server);
  if (common) return await fromCommon(current, common, server, unreadable);
  for (const timeline of earlier) {
    const old = await commonFile(timeline, server);
    if (!old) continue;
    const verdict = await fromCommon(timeline, old, server, undefined);
    if (verdict.kind === 'goes_on' && !verdict.hole) return verdict;
    break;
  }
  return await fromNothing(current, server);
}

/** The newest file that both have. */
async function commonFile(current: ArchivedTimeline, server: ServerView): Promise<ArchivedFile | undefined> {
  const shown = new Set(server.files.map(({ file }) => file));
  for (const name of current.files.filter((file) => shown.has(file)).toReversed()) {
    const archived = await current.file(name);
    if (archived && (await server.head(name)).digest === archived.head.digest) return archived;
  }
  return undefined;
}

/** Whether the server is where a timeline was begun of which nothing was archived before the connection ended. */
async function stillBegins(
  { begins: { file, position, gtid } }: ArchivedTimeline,
  earlier: readonly ArchivedTimeline[],
  server: ServerView,
): Promise<boolean> {
  if (!server.files.some((shown) => shown.file === file)) return false;
  if (position > 0) return true;
  const head = await server.head(file);
  if (head.gtid !== gtid) return false;
  for (const timeline of earlier) {
    const old = timeline.files.includes(file) ? await timeline.file(file) : undefined;
    if (old?.head.digest === head.digest) return false;
  }
  return true;
}

/** The newest file that both have is `common`. */
async function fromCommon(
  current: ArchivedTimeline,
  common: ArchivedFile,
  server: ServerView,
  unreadable: BinlogPoint | undefined,
): Promise<Verdict> {
  const same = await server.sameUpTo(common);
  if (same < common.end) return branchAt(current, 'rewritten', commonPlace(common, same));
  const index = server.files.findIndex(({ file }) => file === common.file);
  const [shown, next] = server.files.slice(index, index + 2);
  const { last } = current;
  const more =
    (shown?.size ?? 0) > common.end &&
    !(unreadable?.file === common.file && unreadable.position <= common.end && next);
  const begins = next && (await beginOf(server, next.file));
  // Whatever follows in it, the server went on from before what is archived.
  const wentBack = begins && compareGtids(begins.head.gtid, endOf(current).gtid) === 'behind';
  if (common.file === last?.file && (more || !next) && !wentBack) {
    return { kind: 'goes_on', timeline: current.timeline, from: { file: common.file, position: common.end } };
  }
  const end = { file: common.file, position: common.wholeEnd, gtid: common.gtidAfter };
  // Files that were archived after it are gone, and it is being written again.
  if (!begins || (more && !wentBack)) return branchAt(current, 'rewritten', end);
  return await fromNext(current, common, server, { ...begins, skipped: shown!.size > common.end });
}

/** The server went on from `common`, which it has whole, to a file that was not archived. */
async function fromNext(
  current: ArchivedTimeline,
  common: ArchivedFile,
  server: ServerView,
  { begins, head, skipped }: { begins: ArchivePoint; head: BinlogHead; skipped: boolean },
): Promise<Verdict> {
  switch (compareGtids(head.gtid, endOf(current).gtid)) {
    case 'same':
      return { kind: 'goes_on', timeline: current.timeline, from: begins };
    case 'ahead': {
      const hole = holeBefore(current, skipped ? 'unreadable' : 'purged', begins);
      return { kind: 'goes_on', timeline: current.timeline, from: begins, hole };
    }
    default: {
      const end = { file: common.file, position: common.wholeEnd, gtid: common.gtidAfter };
      if (head.gtid === common.gtidAfter) return branchAt(current, 'behind', end, begins);
      const branch = await surviving(current, common, server, head.gtid);
      return branch ? branchAt(current, 'behind', branch, begins) : unknownBefore(current, 'behind', begins);
    }
  }
}

/** The server has no file of the timeline. */
async function fromNothing(current: ArchivedTimeline, server: ServerView): Promise<Verdict> {
  const { last } = current;
  const { begins, head } = await beginOf(server, server.files[0]!.file);
  if (!last) return unknownBefore(current, 'replaced', begins);
  const known = current.files.includes(begins.file);
  const order = compareGtids(head.gtid, last.gtidAfter);
  if (head.serverId !== last.head.serverId) {
    const place = await findOnServer(current, server);
    if (place) return branchAt(current, 'failover', place.branch, place.begins);
    return unknownBefore(current, 'replaced', begins);
  }
  if (order === 'same' && head.gtid !== '') {
    if (!known) return { kind: 'goes_on', timeline: current.timeline, from: begins };
    return branchAt(current, 'reset', endOf(current), begins);
  }
  if (order === 'ahead' && follows(last.file, begins.file)) {
    const hole = holeBefore(current, 'purged', begins);
    return { kind: 'goes_on', timeline: current.timeline, from: begins, hole };
  }
  const otherLife = current.seen !== undefined && isAnother(current.seen.life, server.life);
  return unknownBefore(current, otherLife ? 'replaced' : 'reset', begins);
}

/** The binlogs go on as if nothing had happened, and the data is older than they are. */
async function dataWentBack(
  current: ArchivedTimeline,
  server: ServerView,
  from: BinlogPoint,
): Promise<Verdict | undefined> {
  const { seen } = current;
  if (!seen || (server.lsn >= seen.lsn && !isAnother(seen.life, server.life))) return undefined;
  const cause = server.lsn < seen.lsn ? 'lsn' : 'replaced';
  // It was put back while the server was stopped, which begins a file when it is started.
  const index = server.files.findIndex(({ file }) => file === from.file);
  const next = from.position > 0 ? server.files[index + 1] : server.files[index];
  const { begins } = next ? await beginOf(server, next.file) : { begins: endOf(current) };
  return unknownBefore(current, cause, begins);
}

/** The restored server has begun binlogs of its own, or goes on behind those that were left to it. */
async function afterRestore(
  current: ArchivedTimeline,
  server: ServerView,
  { parent, replaced }: RestoredPoint,
): Promise<Verdict> {
  const common = await commonFile(current, server);
  const index = server.files.findIndex(({ file }) => file === common?.file) + 1;
  const { begins } = await beginOf(server, (server.files[index] ?? server.files.at(-1)!).file);
  // Files that were removed since would be missing between the two.
  const whole = common !== undefined || /\D0*1$/.test(begins.file);
  if (!whole) return unknownBefore(current, 'restore', begins);
  // What was there before is archived up to its end; what is there now comes of a backup of which no binlog is.
  const begun = { cause: 'restore' as const, begins, ...(replaced && { replaced }) };
  if (!parent) return { kind: 'new_timeline', timeline: begun };
  const { timeline, branch } = parent;
  // Then something was written in between, which leads from the one to the other and is in none of them.
  if (compareGtids(begins.gtid, branch.gtid) === 'ahead') return unknownBefore(current, 'restore', begins);
  return { kind: 'new_timeline', timeline: { ...begun, parent: timeline, branch } };
}

/**
 * While it was off nothing was given a GTID, so that the binlogs meet, and yet something may be missing between them:
 * what was archived before leads to nothing that comes after.
 */
async function switchedOn(current: ArchivedTimeline, server: ServerView, off: NewHole): Promise<Verdict> {
  // A server begins a file when it is started.
  const index = server.files.findIndex(({ file }) => file === endOf(current).file);
  const next = server.files[index + 1] ?? server.files[0]!;
  const { begins } = await beginOf(server, next.file);
  return { kind: 'new_timeline', timeline: { cause: 'binlog_off', begins }, hole: { ...off, to: begins } };
}

async function beginOf(
  server: ServerView,
  file: string,
): Promise<{ begins: ArchivePoint; head: BinlogHead }> {
  const head = await server.head(file);
  return { begins: { file, position: 0, gtid: head.gtid }, head };
}

function isAnother(life: string | undefined, other: string | undefined): boolean {
  return life !== undefined && other !== undefined && life !== other;
}

/** Whether the one name is a later one of the same binlog: `bin.000012`, `bin.000013`. */
function follows(earlier: string, later: string): boolean {
  const [a, b] = [earlier, later].map((file) => /^(.*)\.(\d+)$/.exec(file));
  return a?.[1] === b?.[1] && Number(b?.[2]) > Number(a?.[2]);
}
