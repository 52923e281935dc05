/** Archived binlogs that lie in a store: timelines and the headers of segments, back into the catalog. */
import type { Catalog } from '../catalog/types.ts';
import type { FollowState, SegmentFacts, TimelineFacts } from '../domain/archive/facts.ts';
import { factsOf } from '../domain/archive/header.ts';
import { fileNumber } from '../domain/archive/stretches.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import { namesBelow, openArchive } from '../storage/segments.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Findings } from './findings.ts';

/** So many segments are written down in one transaction. */
const atOnce = 500;

interface ArchivePlace {
  catalog: Catalog;
  store: ObjectStore;
  serviceId: string;
  /** Alone these timelines, found while the service is followed: their breaks are told. */
  only?: ReadonlySet<string>;
}

/** @throws what the store or the catalog refuses; what is wrong with one object is a finding */
export async function rebuildArchive(
  { catalog, store, serviceId, only }: ArchivePlace,
  findings: Findings,
  signal?: AbortSignal,
): Promise<void> {
  const archive = openArchive(store, serviceId);
  const timelines = await tolerant(findings, objectKeys.timelinesFolder(serviceId), async () =>
    archive.timelines(signal),
  );
  const isWanted = (id: string): boolean => only?.has(id) ?? true;
  const known = new Map(
    (timelines ?? []).filter(({ id }) => isWanted(id)).map((timeline) => [timeline.id, timeline]),
  );
  findings.timelines += known.size;
  // Newest last: where its archive ends is where the service is taken to stand.
  const ids = [...known.keys()];
  for await (const id of namesBelow(store, objectKeys.timelinesFolder(serviceId), signal)) {
    if (isWanted(id) && !known.has(id)) ids.unshift(id);
  }
  for (const id of ids) {
    let first = known.get(id);
    const files: string[] = [];
    for await (const file of archive.files(id, signal)) files.push(file);
    files.sort((a, b) => fileNumber(a) - fileNumber(b) || (a < b ? -1 : 1));
    let segments: SegmentFacts[] = [];
    const record = async (): Promise<void> => {
      const state = stateAfter(id, first, segments);
      if (state) {
        const begun = first ? [first] : [];
        const report = { timelines: begun, segments, joined: [], holes: [], state };
        await catalog.recordArchive(serviceId, report, { alarm: only !== undefined });
      }
      findings.segments += segments.length;
      segments = [];
      first = undefined;
    };
    for (const file of files) {
      await tolerant(findings, objectKeys.binlogFolder(serviceId, id, file), async () => {
        for await (const header of archive.headers(id, file, signal)) {
          segments.push(factsOf(header));
          if (segments.length >= atOnce) await record();
        }
      });
    }
    await record();
  }
}

/** Where a follower stood that wrote these last; undefined where nothing says so. */
function stateAfter(
  timeline: string,
  facts: TimelineFacts | undefined,
  segments: readonly SegmentFacts[],
): FollowState | undefined {
  const last = segments.at(-1);
  if (!last && !facts) return undefined;
  const archived = last && { file: last.file, position: last.wholeEnd, gtid: last.gtidAfter };
  return {
    timeline,
    archived: archived ?? facts!.begins,
    lookedAt: last?.shippedAt ?? facts!.createdAt,
    lagBytes: 0,
    spoolBytes: 0,
    trouble: '',
  };
}

async function tolerant<T>(findings: Findings, key: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const telling = ['object_damaged', 'not_available', 'object_missing'];
    if (!(error instanceof TidemarkError) || !telling.includes(error.code)) throw error;
    findings.left.push({ key, reason: messageOf(error) });
    return undefined;
  }
}
