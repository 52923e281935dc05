/** Places that both an archive and a server have. */
import type { ArchivePoint } from './facts.ts';
import { compareGtids } from './gtid-order.ts';
import type { ArchivedFile, ArchivedTimeline, ServerView } from './server-view.ts';

/** How far back in the archive a place is looked for. */
const filesBack = 50;

/**
 * The last place between transactions in a file of which both have the same bytes up to somewhere. Every known place is
 * as good: what lies between it and the first byte that differs is archived once more.
 */
export function commonPlace({ file, head, points }: ArchivedFile, upTo: number): ArchivePoint {
  const known = points.findLast(({ position }) => position <= upTo);
  return known ?? { file, position: 0, gtid: head.gtid };
}

/**
 * The newest known place of the archive that another server's binlogs have, by GTIDs: where a promoted replica goes on.
 * Reads those of its files in which one can be, the newest first.
 */
export async function findOnServer(
  current: ArchivedTimeline,
  server: ServerView,
): Promise<{ branch: ArchivePoint; begins: ArchivePoint } | undefined> {
  let wanted = await knownPlaces(current);
  for (const { file } of server.files.toReversed()) {
    if (wanted.length === 0) return undefined;
    const { gtid } = await server.head(file);
    const here = wanted.filter((point) => ['same', 'behind'].includes(compareGtids(gtid, point.gtid)));
    if (here.length === 0) continue;
    const found = await server.places(file, new Set(here.map((point) => point.gtid)));
    const start = { file, position: 0, gtid };
    const places = new Map([start, ...found].map((place) => [place.gtid, place]));
    const branch = here.findLast((point) => places.has(point.gtid));
    const begins = branch && places.get(branch.gtid);
    if (begins) return { branch, begins: { ...begins, gtid: branch.gtid } };
    wanted = wanted.filter((point) => !here.includes(point));
  }
  return undefined;
}

/** Where something had been written, by place. */
async function knownPlaces(current: ArchivedTimeline): Promise<ArchivePoint[]> {
  const places: ArchivePoint[] = [];
  for (const name of current.files.slice(-filesBack)) {
    const archived = await current.file(name);
    if (!archived) continue;
    const { file, head, points } = archived;
    places.push({ file, position: 0, gtid: head.gtid }, ...points);
  }
  return places.filter(({ gtid }) => gtid !== '');
}

/** Where the archive was in the state that survived, in the files up to `common`, which both have. */
export async function surviving(
  current: ArchivedTimeline,
  common: ArchivedFile,
  server: ServerView,
  gtid: string,
): Promise<ArchivePoint | undefined> {
  if (gtid === '') return undefined;
  const upTo = current.files.indexOf(common.file) + 1;
  for (const name of current.files.slice(0, upTo).slice(-filesBack).toReversed()) {
    const archived = await current.file(name);
    if (!archived) return undefined;
    const known = archived.points.findLast((point) => point.gtid === gtid);
    if (known) return known;
    if (compareGtids(archived.head.gtid, gtid) !== 'behind') continue;
    if (!server.files.some(({ file }) => file === name)) return undefined;
    if ((await server.head(name)).digest !== archived.head.digest) return undefined;
    const [place] = await server.places(name, new Set([gtid]));
    return place && place.position <= archived.wholeEnd ? place : undefined;
  }
  return undefined;
}
