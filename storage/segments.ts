/** Archived binlogs in an object store: timelines, and segments, each a body and the header that makes it exist. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import type { SegmentFacts, TimelineFacts } from '../domain/archive/facts.ts';
import {
  segmentFormat,
  type SegmentArchive,
  type SegmentHeader,
  type SegmentPlace,
} from '../domain/archive/header.ts';
import { objectKeys } from '../domain/ids.ts';
import { fetchPart } from './parts.ts';
import { putOnce } from './put-once.ts';
import { readBounded } from './read-bounded.ts';
import { segmentSchema, timelineSchema } from './segment-schema.ts';
import type { ObjectStore, StoreFault } from './store.ts';

/** What a header can have: it is held in memory. One of 50,000 samples of the commit clock has some 2 MB. */
const mostHeaderBytes = 16 * 1024 * 1024;
const mostTimelineBytes = 64 * 1024;
/** How many headers of a file are asked for at a time. */
const ahead = 8;
/** Sorts after every range. */
const afterRanges = '~';

/**
 * The archive of a service.
 *
 * @example for await (const header of openArchive(store, 'orders').headers(timeline, 'bin.000007')) …
 */
export function openArchive(store: ObjectStore, serviceId: string): SegmentArchive {
  return {
    timelines: (signal) => readTimelines(store, serviceId, signal),
    createTimeline: async (timeline, signal) => {
      const content = timelineSchema.parse({ format: segmentFormat, serviceId, ...timeline });
      const body = Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
      await putOnce(store, objectKeys.timeline(serviceId, timeline.id), body, hash('sha256', body), signal);
    },
    files: (timeline, signal) => listFiles(store, serviceId, timeline, signal),
    headers: (timeline, file, signal) => readHeaders(store, serviceId, { timeline, file }, signal),
    header: (segment, signal) =>
      readHeader(store, serviceId, objectKeys.segmentHeader(serviceId, segment), signal),
    put: (header, body, signal) => putSegment(store, header, body, signal),
    body: (header, signal) => readBody(store, serviceId, header, signal),
    remove: async (segment, encrypted, signal) => {
      await store.delete(objectKeys.segmentHeader(serviceId, segment), signal);
      await store.delete(objectKeys.segment(serviceId, { ...segment, encrypted }), signal);
    },
  };
}

async function readTimelines(
  store: ObjectStore,
  serviceId: string,
  signal?: AbortSignal,
): Promise<TimelineFacts[]> {
  const found: TimelineFacts[] = [];
  for await (const name of namesBelow(store, objectKeys.timelinesFolder(serviceId), signal)) {
    const key = objectKeys.timeline(serviceId, name);
    try {
      const content = await readJson(store, key, timelineSchema, mostTimelineBytes, signal);
      const { format: _, serviceId: __, ...timeline } = content;
      found.push(timeline);
    } catch (error) {
      // A folder alone is none.
      if (!isError(error, 'object_missing')) throw error;
    }
  }
  return found.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

async function* listFiles(
  store: ObjectStore,
  serviceId: string,
  timeline: string,
  signal?: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const folder = `${objectKeys.timelinesFolder(serviceId)}/${timeline}`;
  for await (const name of namesBelow(store, folder, signal)) {
    if (name !== 'timeline.json') yield name;
  }
}

/** The first segment of what is below a folder, or below the root for an empty one, each name once, without listing all that is below each. */
export async function* namesBelow(
  store: ObjectStore,
  folder: string,
  signal?: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const prefix = folder === '' ? '' : `${folder}/`;
  let after: string | undefined;
  for (;;) {
    const listing = store.list(prefix, {
      ...(after !== undefined && { after }),
      ...(signal && { signal }),
    });
    let name: string | undefined;
    for await (const { key } of listing) {
      [name] = key.slice(prefix.length).split('/');
      after = key === `${prefix}${name}` ? key : `${prefix}${name}/${afterRanges}`;
      break;
    }
    if (name === undefined) return;
    yield name;
  }
}

async function* readHeaders(
  store: ObjectStore,
  serviceId: string,
  { timeline, file }: Pick<SegmentPlace, 'timeline' | 'file'>,
  signal?: AbortSignal,
): AsyncGenerator<SegmentHeader, void, undefined> {
  const folder = `${objectKeys.binlogFolder(serviceId, timeline, file)}/`;
  const keys: string[] = [];
  for await (const { key } of store.list(folder, { ...(signal && { signal }) }))
    if (key.endsWith('.json')) keys.push(key);
  // Names sort by end where they have one start; the longest is wanted first.
  keys.sort((a, b) => startOf(a) - startOf(b) || (a < b ? 1 : -1));
  for (let at = 0; at < keys.length; at += ahead) {
    const reading = keys.slice(at, at + ahead).map((key) => readHeader(store, serviceId, key, signal));
    for (const result of await Promise.allSettled(reading)) {
      if (result.status === 'fulfilled') yield result.value;
      // One that has just been joined with others may be gone when it is read.
      else if (!isError(result.reason, 'object_missing')) throw result.reason as Error;
    }
  }
}

function isError(error: unknown, code: StoreFault): boolean {
  return error instanceof TidemarkError && error.code === code;
}

function startOf(key: string): number {
  return Number(/(\d+)-\d+\.json$/.exec(key)?.[1] ?? 0);
}

async function readHeader(
  store: ObjectStore,
  serviceId: string,
  key: string,
  signal?: AbortSignal,
): Promise<SegmentHeader> {
  const header = await readJson(store, key, segmentSchema, mostHeaderBytes, signal);
  const fault =
    header.serviceId === serviceId && objectKeys.segmentHeader(serviceId, header) === key
      ? faultOf(header)
      : 'it is of another segment';
  if (fault !== undefined) throw damaged(store, key, fault);
  return header;
}

/** What cannot be together in one header, a clause. */
function faultOf({
  start,
  end,
  wholeEnd,
  eventEnd,
  gtidBefore,
  gtidAfter,
  clock,
}: SegmentHeader): string | undefined {
  if (end <= start) return `it ends at ${end} and begins at ${start}`;
  if (wholeEnd < start || wholeEnd > end) return `wholeEnd ${wholeEnd} lies outside of it`;
  if (eventEnd > end || (wholeEnd > start && eventEnd < wholeEnd))
    return `eventEnd ${eventEnd} lies elsewhere`;
  if (wholeEnd === start && gtidBefore !== gtidAfter) return 'GTIDs change in it without a whole transaction';
  if (clock.some(({ position }) => position < start || position > end))
    return 'a sample of the commit clock lies outside of it';
  return undefined;
}

async function putSegment(
  store: ObjectStore,
  header: SegmentHeader,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const { serviceId, recipients } = header;
  const key = objectKeys.segmentHeader(serviceId, header);
  const encoded = Buffer.from(`${JSON.stringify(z.encode(segmentSchema, header))}\n`);
  const fault =
    body.length !== header.storedBytes || hash('sha256', body) !== header.sha256
      ? 'its bytes are not those that it names'
      : encoded.length > mostHeaderBytes
        ? `it has ${encoded.length} bytes`
        : faultOf(header);
  if (fault !== undefined)
    throw new TidemarkError('internal', `The segment ${key} cannot be written: ${fault}.`);
  const bodyKey = objectKeys.segment(serviceId, { ...header, encrypted: recipients.length > 0 });
  try {
    await putOnce(store, bodyKey, body, header.sha256, signal);
  } catch (error) {
    // age never writes the same twice: a follower that was killed before the header has left other bytes. Or it still
    // lives, and writes the header next: its bytes have to stay what they are.
    if (!isError(error, 'object_exists')) throw error;
    // With a header it is somebody's, or this one's, put before: the header tells.
    if (!(await exists(store, key, signal)))
      await putOnce(store, besideOf(header), body, header.sha256, signal);
  }
  await putOnce(store, key, encoded, hash('sha256', encoded), signal);
}

function besideOf(segment: SegmentFacts & { serviceId: string }): string {
  const encrypted = segment.recipients.length > 0;
  return objectKeys.segmentBeside(segment.serviceId, { ...segment, encrypted });
}

async function exists(store: ObjectStore, key: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await store.stat(key, signal);
    return true;
  } catch (error) {
    if (isError(error, 'object_missing')) return false;
    throw error;
  }
}

async function readBody(
  store: ObjectStore,
  serviceId: string,
  segment: SegmentFacts,
  signal = new AbortController().signal,
): Promise<Buffer> {
  const key = objectKeys.segment(serviceId, { ...segment, encrypted: segment.recipients.length > 0 });
  const { storedBytes: bytes, sha256 } = segment;
  try {
    return await fetchPart(store, { key, bytes, sha256 }, signal, undefined);
  } catch (error) {
    if (!isError(error, 'object_damaged') && !isError(error, 'object_missing')) throw error;
    const beside = besideOf({ ...segment, serviceId });
    return await fetchPart(store, { key: beside, bytes, sha256 }, signal, undefined).catch(
      (other: unknown) => {
        throw isError(other, 'object_missing') ? error : other;
      },
    );
  }
}

async function readJson<T>(
  store: ObjectStore,
  key: string,
  schema: z.ZodType<T>,
  most: number,
  signal?: AbortSignal,
): Promise<T> {
  const body = await readBounded(store, key, most, signal);
  if (!body) throw damaged(store, key, `it has more than ${most} bytes`);
  let content: unknown;
  try {
    content = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw damaged(store, key, `it is not JSON (${messageOf(error)})`);
  }
  refuseOtherFormat(content, key, store.location);
  const { success, data, error } = schema.safeParse(content);
  if (success) return data;
  const [issue] = error.issues;
  throw damaged(store, key, `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function refuseOtherFormat(content: unknown, key: string, location: string): void {
  const { success, data } = z.object({ format: z.int() }).safeParse(content);
  if (!success || data.format <= segmentFormat) return;
  throw new TidemarkError(
    'not_available',
    `The object ${key} in ${location} is of format ${data.format}, and this version of Tidemark reads formats up to ` +
      `${segmentFormat}. Use the version that wrote it, or a later one.`,
  );
}

function damaged(store: ObjectStore, key: string, what: string): TidemarkError {
  return new TidemarkError('object_damaged', `The object ${key} in ${store.location} is damaged: ${what}.`);
}
