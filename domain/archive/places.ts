/** Places that both an archive and a server have. */
import type { ArchivePoint } from './facts.ts';
import { compareGtids } from './gtid-order.ts';
import type { ArchivedFile, ArchivedTimeline, ServerView } from './server-view.ts';

/**
 * The last place between transactions in a file of which both have the same bytes up to somewhere. Every known place is
 * as good: what lies between it and the first byte that differs is archived once more.
 */
export function commonPlace(
  current: ArchivedTimeline,
  { file, head }: ArchivedFile,
  upTo: number,
): ArchivePoint {
  const known = current.points.findLast((point) => point.file === file && point.position <= upTo);
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
  let wanted = current.points.filter(({ gtid }) => gtid !== '');
  for (const { file } of server.files.toReversed()) {
    if (wanted.length === 0) return undefined;
    const { gtid } = await server.head(file);
    const here = wanted.filter((point) => ['same', 'behind'].includes(compareGtids(gtid, point.gtid)));
    if (here.length === 0) continue;
    const start = { file, position: 0, gtid };
    const places = new Map([start, ...(await server.points(file))].map((place) => [place.gtid, place]));
    const branch = here.findLast((point) => places.has(point.gtid));
    const begins = branch && places.get(branch.gtid);
    if (begins) return { branch, begins: { ...begins, gtid: branch.gtid } };
    wanted = wanted.filter((point) => !here.includes(point));
  }
  return undefined;
}
