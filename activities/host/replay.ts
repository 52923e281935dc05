/** Archived binlogs that bring the copy of a restore forward: selected, fetched, proven. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { ArchivePoint } from '../../domain/archive/facts.ts';
import type { SegmentArchive, SegmentHeader } from '../../domain/archive/header.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { dataDirectory } from '../../domain/layout.ts';
import { measure } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { fetchBinlogs, segmentBytes } from '../../mariadb/replay/fetch.ts';
import { proveBinlogs, type ProvenReplay } from '../../mariadb/replay/prove.ts';
import { type Selection, selectSegments, whileJoined } from '../../mariadb/replay/select.ts';
import { type Replayed, replayedTo } from '../../mariadb/restore/applied.ts';
import { writeDurably } from '../../mariadb/restore/files.ts';
import { identitiesFor, identityFor } from '../../mariadb/restore/identity.ts';
import { freeBytes } from '../../mariadb/restore/room.ts';
import { createForBinlogs, removeBinlogs } from '../../mariadb/restore/staging.ts';
import { currentBoot } from '../../mariadb/restore/unpacked.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import { openArchive } from '../../storage/segments.ts';
import type { HostReplay, HostRestoreInput } from './contract.ts';
import type { Host } from './host.ts';
import { enterSite } from './site.ts';

/** What is fetched and proven, as it is written down. */
export interface ReadyReplay {
  proven: ProvenReplay;
  /** Of the last of its binlogs. */
  timeline: string;
  notAfter?: string;
}

const fileOf = (folder: string): string => path.join(folder, 'binlogs.json');

function archiveOf(host: Host, { serviceId }: HostReplay): SegmentArchive {
  return openArchive(host.store, serviceId);
}

/** Which segments are needed. @throws binlog_gap, and what reading the archive does */
export async function select(host: Host, replay: HostReplay, signal: AbortSignal): Promise<Selection> {
  return await selectSegments(archiveOf(host, replay), replay.ranges, replay.stop, signal);
}

/** All that is fetched. */
export function segmentsOf(files: Selection['files']): SegmentHeader[] {
  return files.flatMap(({ head, segments }) => [...segments, ...(head ? [head] : [])]);
}

/** Reads segments as the server wrote them, opening what is encrypted. */
export function readerOf(
  host: Host,
  replay: HostReplay,
  question: Attempt,
): (segment: SegmentHeader) => Promise<Buffer> {
  const { server, restore } = host.settings;
  const opening = { server, archive: archiveOf(host, replay), attempt: question, opening: Promise.resolve() };
  return async (segment) => {
    const { recipients } = segment;
    const identity = recipients.length > 0 ? await identityFor(restore, recipients, question) : undefined;
    return await segmentBytes(segment, { ...opening, identity });
  };
}

/** For whom the segments of a selection are encrypted, each list once. */
export function recipientsOf({ files }: Selection): string[][] {
  const lists = segmentsOf(files).map(({ recipients }) => recipients);
  const once = new Map(lists.filter((list) => list.length > 0).map((list) => [list.join(), list]));
  return [...once.values()];
}

/**
 * Reads every segment that the order replays, and compares its digest: before an in-place restore empties anything. Where
 * there is room for them beside the server's data, they are proven, too, as they are once more before the replay.
 *
 * @returns for whom they are encrypted
 */
export async function verifyBinlogs(
  host: Host,
  order: HostRestoreInput,
  trial: Attempt,
): Promise<string[][]> {
  const { replay } = order;
  const { signal, report } = trial;
  if (!replay) return [];
  const selection = await whileJoined(async () => {
    const found = await select(host, replay, signal);
    const archive = archiveOf(host, replay);
    const stored = segmentsOf(found.files);
    const total = stored.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    const begun = Date.now();
    let read = 0;
    for (const segment of stored) {
      read += (await archive.body(segment, signal)).length;
      report(measure('planning', read, total, Date.now() - begun), read);
    }
    return found;
  });
  const { staging } = await enterSite(host, order);
  const bytes = segmentsOf(selection.files).reduce((sum, { start, end }) => sum + end - start, 0);
  // The server goes on meanwhile, and needs what is free.
  if ((await freeBytes(staging.binlogs)) < 2 * bytes + host.settings.restore.min_free) {
    host.log.warn(
      { bytes },
      'There is no room to prove the binlogs before the data is emptied: only their digests are.',
    );
    return recipientsOf(selection);
  }
  try {
    await makeReady(host, order, replay, trial);
  } finally {
    await rm(fileOf(trial.folder), { force: true });
    await removeBinlogs(staging);
  }
  return recipientsOf(selection);
}

/** Fetches and proves what the order replays; nothing where it replays nothing. */
export async function fetchForReplay(host: Host, order: HostRestoreInput, trial: Attempt): Promise<void> {
  if (order.replay) await makeReady(host, order, order.replay, trial);
}

/** The binlogs as they were fetched before; or they are fetched now. */
export async function readyReplay(
  host: Host,
  order: HostRestoreInput,
  replay: HostReplay,
  trial: Attempt,
): Promise<ReadyReplay> {
  return (await readReady(trial.folder)) ?? (await makeReady(host, order, replay, trial));
}

async function makeReady(
  host: Host,
  order: HostRestoreInput,
  replay: HostReplay,
  trial: Attempt,
): Promise<ReadyReplay> {
  await rm(fileOf(trial.folder), { force: true });
  const { layout, staging } = await enterSite(host, order);
  const owner = await serverOwner(host.settings.server, dataDirectory(layout));
  await createForBinlogs(staging, owner);
  return await whileJoined(async () => {
    const selection = await select(host, replay, trial.signal);
    const recipients = recipientsOf(selection);
    const identity =
      recipients.length > 0 ? await identitiesFor(host.settings.restore, recipients, trial) : undefined;
    const files = await fetchBinlogs(selection.files, {
      server: host.settings.server,
      archive: archiveOf(host, replay),
      identity,
      folder: staging.binlogs,
      owner,
      attempt: trial,
    });
    const { start } = replay;
    const proven = await proveBinlogs({ files, start, stop: selection.stop }, { signal: trial.signal });
    return await writeReady(trial.folder, proven, selection);
  });
}

async function writeReady(
  folder: string,
  proven: ProvenReplay,
  { files, notAfter }: Selection,
): Promise<ReadyReplay> {
  // Of two timelines with files of one name the later one is meant, as in the proof.
  const { timeline } = files.findLast(({ name }) => name === proven.stop.file)!;
  const ready = { proven, timeline, ...(notAfter !== undefined && { notAfter }) };
  const written = { ...ready, proven: { ...proven, serverIds: [...proven.serverIds] } };
  await writeDurably(fileOf(folder), JSON.stringify({ boot: await currentBoot(), ready: written }));
  return ready;
}

/** Undefined where nothing was fetched, or the machine went down since: the files were not synced. */
async function readReady(folder: string): Promise<ReadyReplay | undefined> {
  let text: string;
  try {
    text = await readFile(fileOf(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const found = written.safeParse(JSON.parse(text)).data;
  if (!found || found.boot !== (await currentBoot())) return undefined;
  const { proven, ...rest } = found.ready;
  return { ...rest, proven: { ...proven, serverIds: new Set(proven.serverIds) } };
}

const point = z.strictObject({ file: z.string(), position: z.int(), gtid: z.string() });
const written = z.strictObject({
  boot: z.string(),
  ready: z.strictObject({
    timeline: z.string(),
    notAfter: z.string().exactOptional(),
    proven: z.strictObject({
      start: point,
      stop: point,
      lastEnd: z.strictObject({ file: z.string(), position: z.int() }),
      files: z.array(
        z.strictObject({
          name: z.string(),
          path: z.string(),
          from: z.int().exactOptional(),
          branch: z.boolean().exactOptional(),
          begin: z.int(),
          end: z.int(),
        }),
      ),
      transactions: z.int(),
      begun: z.int(),
      serverIds: z.array(z.int()),
      definitions: z.array(
        z.strictObject({
          path: z.string(),
          position: z.int(),
          end: z.int(),
          checksum: z.boolean(),
          replicated: z.boolean(),
        }),
      ),
    }),
  }),
});

/** @throws replay_failed when the copy is not the one that was replayed onto */
export async function requireReplayed(folder: string): Promise<Replayed['reached']> {
  const found = await replayedTo(folder);
  if (found) return found.reached;
  throw new TidemarkError(
    'replay_failed',
    'The copy is not the one that the binlogs were replayed onto: restore again.',
  );
}

/** Where a replay came to, with the names of the API, besides the place itself. */
export function replayView({ timeline, notAfter }: Replayed['reached']): Record<string, string> {
  return { timeline, ...(notAfter !== undefined && { not_after: notAfter }) };
}

/** The place of the restored data in the archive of its service. */
export async function branchOf(
  folder: string,
): Promise<{ place: ArchivePoint; timeline: string } | undefined> {
  const reached = (await replayedTo(folder))?.reached;
  if (!reached) return undefined;
  const { file, position, gtid, timeline } = reached;
  return { place: { file, position, gtid }, timeline };
}
