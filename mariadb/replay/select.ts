/** Which segments of the archive a recovery needs, and where exactly it stops: from headers alone. */
import type { BinlogRange, RecoveryStop } from '../../domain/archive/plan-types.ts';
import { gtidsByDomain } from '../../domain/archive/gtid-positions.ts';
import { parseGtid } from '../../domain/binlog/gtid.ts';
import { meeting, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import { microseconds } from '../../domain/archive/instants.ts';
import { comparePlaces } from '../../domain/archive/stretches.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { ReplayStop } from './order.ts';

/** What is fetched of one binlog file. */
export interface SelectedFile {
  timeline: string;
  name: string;
  /** In their order; they meet. */
  segments: SegmentHeader[];
  /** The one that begins the file, for its head, where `segments` do not begin with it. */
  head?: SegmentHeader;
  /** Nothing behind it belongs to the range; left out where all of the file does. */
  cut?: number;
  /** Another timeline begins with it. */
  branch: boolean;
}

export interface Selection {
  files: SelectedFile[];
  stop: ReplayStop;
  /** For an instant: nothing that was written after this is brought back. Left out where nobody sampled behind it. */
  notAfter?: string;
}

/** How often a selection is made anew because small segments were joined under it. */
const selections = 3;

/**
 * Goes through the headers of the ranges, as far as the stop.
 *
 * @throws binlog_gap when segments do not meet; what reading the archive throws
 */
export async function selectSegments(
  archive: SegmentArchive,
  ranges: readonly BinlogRange[],
  stop: RecoveryStop,
  signal: AbortSignal,
): Promise<Selection> {
  return await whileJoined(() => selectOnce(archive, ranges, stop, signal));
}

/**
 * Works on a selection of segments, and anew where some of them are not there: small ones are joined into a larger one
 * at any time, which a new selection finds.
 */
export async function whileJoined<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const joined = error instanceof TidemarkError && joinedCodes.has(error.code);
      if (!joined || tries === selections) throw error;
    }
  }
}

/** What is said where segments are gone: of their bodies, of a hole, of a last one after which there is nothing. */
const joinedCodes = new Set<string>(['object_missing', 'binlog_gap', 'target_not_found']);

async function selectOnce(
  archive: SegmentArchive,
  ranges: readonly BinlogRange[],
  stop: RecoveryStop,
  signal: AbortSignal,
): Promise<Selection> {
  const files: SelectedFile[] = [];
  const last = ranges.at(-1);
  if (!last || stop.at === 'backup') throw new Error('a recovery without binlogs');
  for (const [index, range] of ranges.entries()) {
    const isLast = range === last;
    for (const name of await filesOf(archive, range, signal)) {
      const file = await selectFile(archive, range, name, signal);
      if (!file) continue;
      const before = files.at(-1);
      if (before?.timeline === range.timeline) refuseMissing(before, name);
      files.push({
        ...file,
        branch: index > 0 && !files.some(({ timeline }) => timeline === range.timeline),
      });
      const found = isLast && stopIn(files.at(-1)!, stop);
      if (found) return { files, ...found };
    }
  }
  // Behind the last sample nothing had been confirmed by then that is not before the end.
  if (stop.at === 'gtid') return { files, stop: besides(stop) };
  return { files, stop: { at: last.to } };
}

/** The event that closes a file names the next one; a file whose server crashed has none. */
function refuseMissing({ name, segments, timeline }: SelectedFile, next: string): void {
  const named = segments.at(-1)?.nextFile;
  if (named === undefined || named === next) return;
  throw new TidemarkError(
    'binlog_gap',
    `The archive does not have the binlog ${named}, which follows ${name} (timeline ${timeline}).`,
  );
}

function besides({ gtid, before }: { gtid: string; before: boolean }): ReplayStop {
  return before ? { before: gtid } : { after: gtid };
}

async function filesOf(
  archive: SegmentArchive,
  { timeline, from, to }: BinlogRange,
  signal: AbortSignal,
): Promise<string[]> {
  const names: string[] = [];
  for await (const name of archive.files(timeline, signal)) names.push(name);
  const within = (name: string): boolean =>
    comparePlaces({ file: name, position: 0 }, { ...from, position: 0 }) >= 0 &&
    comparePlaces({ file: name, position: 0 }, { ...to, position: 0 }) <= 0;
  return names
    .filter(within)
    .toSorted((a, b) => comparePlaces({ file: a, position: 0 }, { file: b, position: 0 }));
}

async function selectFile(
  archive: SegmentArchive,
  { timeline, from, to }: BinlogRange,
  name: string,
  signal: AbortSignal,
): Promise<Omit<SelectedFile, 'branch'> | undefined> {
  const headers: SegmentHeader[] = [];
  for await (const header of archive.headers(timeline, name, signal)) headers.push(header);
  const { segments, gap } = meeting(headers);
  const begin = name === from.file ? from.position : 0;
  const end = name === to.file ? to.position : (headers.at(-1)?.end ?? 0);
  if (gap && gap.from < end && gap.to > begin) {
    throw new TidemarkError(
      'binlog_gap',
      `The archive has no bytes ${gap.from} to ${gap.to} of the binlog ${name} (timeline ${timeline}).`,
    );
  }
  const reached = segments.at(-1)?.end ?? 0;
  if (reached < end) {
    throw new TidemarkError(
      'binlog_gap',
      `The archive has the binlog ${name} up to ${reached}, and not up to ${end} (timeline ${timeline}).`,
    );
  }
  // Where the first one begins inside of an event, those before it are needed too.
  let first = segments.findIndex((segment) => segment.end > begin);
  if (first < 0) first = segments.length - 1;
  while (first > 0 && segments[first - 1]!.eventEnd !== segments[first - 1]!.end) first -= 1;
  const needed = segments.filter((segment, index) => index >= first && segment.start < Math.max(end, 1));
  const head = segments[0];
  if (needed.length === 0 || !head) return undefined;
  if (head.start !== 0) {
    throw new TidemarkError(
      'binlog_gap',
      `The archive does not have the beginning of the binlog ${name} (timeline ${timeline}), by which the rest is read.`,
    );
  }
  return {
    timeline,
    name,
    segments: needed,
    ...(needed[0] !== head && { head }),
    ...(name === to.file && { cut: to.position }),
  };
}

/** Whether the stop is in a file of the last range; what is behind it is not fetched then. */
function stopIn(file: SelectedFile, stop: RecoveryStop): Pick<Selection, 'stop' | 'notAfter'> | undefined {
  if (stop.at === 'time') return atSample(file, microseconds(stop.time));
  if (stop.at !== 'gtid') return undefined;
  const wanted = parseGtid(stop.gtid);
  const at = file.segments.findIndex(({ gtidAfter }) => {
    const there = wanted && gtidsByDomain(gtidAfter).get(wanted.domainId);
    return wanted !== undefined && there !== undefined && there.seqNo >= wanted.seqNo;
  });
  if (at < 0) return undefined;
  file.segments = file.segments.slice(0, at + 1);
  return { stop: besides(stop) };
}

/** The first look at the server that is no earlier: all that had been confirmed by the instant lies before it. */
function atSample(file: SelectedFile, time: number): Pick<Selection, 'stop' | 'notAfter'> | undefined {
  for (const [index, { clock }] of file.segments.entries()) {
    const sample = clock.find(({ t0 }) => microseconds(t0) >= time);
    if (!sample) continue;
    if (file.cut !== undefined && sample.position > file.cut) return undefined;
    file.segments = file.segments.slice(0, index + 1);
    return { stop: { at: { file: file.name, position: sample.position } }, notAfter: sample.t1 };
  }
  return undefined;
}
