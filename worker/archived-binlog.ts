/** `npm run agent -- binlog FILE`: a binlog of this service out of the archive, as the server wrote it. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AgentSettings } from '../config/agent.ts';
import type { TimelineFacts } from '../domain/archive/facts.ts';
import { meeting, type SegmentArchive, type SegmentHeader } from '../domain/archive/header.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { Attempt } from '../mariadb/context.ts';
import { segmentBytes } from '../mariadb/replay/fetch.ts';
import { identityFor } from '../mariadb/restore/identity.ts';

export interface ArchivedBinlogOrder {
  file: string;
  /** Left out where one timeline alone has the file. */
  timeline?: string | undefined;
  /** Made anew; left out for standard output. */
  output?: string | undefined;
}

interface Site {
  settings: Pick<AgentSettings, 'server' | 'restore' | 'state_directory'>;
  archive: SegmentArchive;
  signal: AbortSignal;
  log: Attempt['log'];
}

/**
 * Nothing is written of a file that is not whole as far as its headers tell; a damaged body ends the writing where it
 * stands.
 *
 * @returns what is to be said of it, a sentence
 * @throws binlog_not_found, binlog_gap naming the place, object_missing, object_damaged, identity_unavailable,
 *   invalid_setting where it has to be said which timeline
 */
export async function writeArchivedBinlog(order: ArchivedBinlogOrder, site: Site): Promise<string> {
  const { archive, signal } = site;
  const timeline = await timelineOf(order, archive, signal);
  const segments = await wholeFile(archive, timeline, order.file, signal);
  const folder = await mkdtemp(path.join(site.settings.state_directory, 'binlog-'));
  try {
    const attempt: Attempt = { folder, signal, report: () => undefined, log: site.log };
    const bytes = bytesOf(segments, site, attempt);
    if (order.output === undefined) await pipeline(bytes, process.stdout, { end: false });
    else await writeNew(order.output, bytes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const end = segments.at(-1)!;
  const rest =
    end.closed === undefined ? ' The file was not closed there: the server wrote on, or ended.' : '';
  return `${order.file} of the timeline ${timeline} is archived up to position ${end.end}.${rest}`;
}

async function writeNew(place: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  const target = createWriteStream(place, { flags: 'wx', mode: 0o600, flush: true });
  try {
    await pipeline(bytes, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') await rm(place, { force: true });
    if (code !== 'EEXIST' && code !== 'ENOENT' && code !== 'EACCES') throw error;
    const reason = code === 'EEXIST' ? 'is there already' : `cannot be made (${code})`;
    throw new TidemarkError('invalid_setting', `The file ${place} ${reason}.`, { cause: error });
  }
}

async function* bytesOf(
  segments: readonly SegmentHeader[],
  { settings, archive }: Site,
  attempt: Attempt,
): AsyncGenerator<Buffer, void, undefined> {
  const identities = new Map<string, string>();
  for (const segment of segments) {
    attempt.signal.throwIfAborted();
    const { recipients } = segment;
    const key = JSON.stringify(recipients);
    const identity =
      identities.get(key) ??
      (recipients.length > 0 ? await identityFor(settings.restore, recipients, attempt) : undefined);
    if (identity !== undefined) identities.set(key, identity);
    const opening = Promise.resolve();
    yield await segmentBytes(segment, { server: settings.server, archive, identity, attempt, opening });
  }
}

async function timelineOf(
  { file, timeline }: ArchivedBinlogOrder,
  archive: SegmentArchive,
  signal: AbortSignal,
): Promise<string> {
  const having: TimelineFacts[] = [];
  for (const known of await archive.timelines(signal)) {
    if (timeline !== undefined && known.id !== timeline) continue;
    const headers = archive.headers(known.id, file, signal)[Symbol.asyncIterator]();
    const { done } = await headers.next();
    await headers.return?.();
    if (done !== true) having.push(known);
  }
  const [only] = having;
  if (only === undefined) {
    const where = timeline === undefined ? '' : ` on the timeline ${timeline}`;
    throw new TidemarkError(
      'binlog_not_found',
      `There is no binlog ${file}${where} in the archive of this service.`,
    );
  }
  if (having.length === 1) return only.id;
  const each = having.map(({ id, cause, createdAt }) => `${id} (${cause}, from ${createdAt})`).join(', ');
  throw new TidemarkError(
    'invalid_setting',
    `${having.length} timelines have a binlog ${file}: say which one with --timeline. ${each}`,
  );
}

/** @throws binlog_gap where something of it is not archived; object_damaged where headers contradict each other */
async function wholeFile(
  archive: SegmentArchive,
  timeline: string,
  file: string,
  signal: AbortSignal,
): Promise<SegmentHeader[]> {
  const { segments, gap } = meeting(await headersOf(archive, timeline, file, signal));
  const begins = segments[0]?.start ?? 0;
  const missing = begins > 0 ? { from: 0, to: begins } : gap;
  if (missing) throw gapIn(file, `between the positions ${missing.from} and ${missing.to}`);
  for (const [index, { start, stateBefore }] of segments.entries()) {
    if (index === 0 || segments[index - 1]!.stateAfter === stateBefore) continue;
    throw new TidemarkError(
      'object_damaged',
      `The segment of ${file} that begins at ${start} does not follow the one before it.`,
    );
  }
  const last = segments.at(-1)!;
  const next = last.closed === undefined ? await fileAfter(archive, timeline, file, signal) : undefined;
  // A server that crashed closes no file: the next one goes on with the same state.
  if (next && next.stateBefore !== last.stateAfter) throw gapIn(file, `behind the position ${last.end}`);
  return segments;
}

function gapIn(file: string, where: string): TidemarkError {
  return new TidemarkError(
    'binlog_gap',
    `The binlog ${file} is not whole in the archive: there is a hole ${where}.`,
  );
}

/** The first segment of the file that follows on the same timeline. */
async function fileAfter(
  archive: SegmentArchive,
  timeline: string,
  file: string,
  signal: AbortSignal,
): Promise<SegmentHeader | undefined> {
  let passed = false;
  for await (const name of archive.files(timeline, signal)) {
    if (passed) return (await headersOf(archive, timeline, name, signal))[0];
    passed = name === file;
  }
  return undefined;
}

async function headersOf(
  archive: SegmentArchive,
  timeline: string,
  file: string,
  signal: AbortSignal,
): Promise<SegmentHeader[]> {
  const headers: SegmentHeader[] = [];
  for await (const header of archive.headers(timeline, file, signal)) headers.push(header);
  return headers;
}
