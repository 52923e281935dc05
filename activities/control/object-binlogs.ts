/**
 * Archived binlogs: headers without a row are taken up, bodies without a header removed, and rows of what is gone are
 * forgotten, so that the recovery window promises nothing that cannot be had. What a follower may be at work on is left
 * alone: the file that it is in, and what is there of the last one of any other timeline, where it may go on one day.
 */
import type { FollowReport, FollowState, SegmentFacts } from '../../domain/archive/facts.ts';
import { factsOf } from '../../domain/archive/header.ts';
import { fileNumber } from '../../domain/archive/stretches.ts';
import { objectKeys } from '../../domain/ids.ts';
import { rebuildArchive } from '../../rebuild/archive.ts';
import { noFindings } from '../../rebuild/findings.ts';
import {
  type ArchivedObject,
  archivedObjects,
  type ArchivedObjects,
} from '../../storage/archived-objects.ts';
import { objectExists } from '../../storage/exists.ts';
import { openArchive } from '../../storage/segments.ts';
import { type Look, settled } from './object-looks.ts';

export async function compareBinlogs(look: Look): Promise<void> {
  const { plane, service, signal } = look;
  const { serviceId } = service;
  const state = (await plane.catalog.findFollowState([serviceId])).get(serviceId);
  // Nothing was ever archived, or a rebuild has still to find it.
  if (!state) return;
  await adoptTimelines(look);
  const newest = new Map<string, number>();
  const files = new Set<string>();
  for await (const { timeline, file } of archivedObjects(plane.store, serviceId, signal)) {
    newest.set(timeline, Math.max(newest.get(timeline) ?? 0, fileNumber(file)));
    files.add(`${timeline}/${file}`);
  }
  const quiet = (timeline: string, file: string): boolean => isQuiet(state, newest, timeline, file);
  for await (const objects of archivedObjects(plane.store, serviceId, signal)) {
    signal.throwIfAborted();
    const { timeline, file } = objects;
    if (quiet(timeline, file)) await settled(look, file, () => compareFile(look, objects, state));
  }
  // By the listing nothing is quiet of a timeline that is gone, nor what came after the last file that is left of it.
  const isLeft = (timeline: string, file: string): boolean =>
    timeline !== state.timeline || quiet(timeline, file);
  await forgetFiles(look, (timeline, file) => !files.has(`${timeline}/${file}`) && isLeft(timeline, file));
}

/** Whether nobody writes to a file any more. */
function isQuiet(
  { timeline: followed, archived }: FollowState,
  newest: ReadonlyMap<string, number>,
  timeline: string,
  file: string,
): boolean {
  const last = timeline === followed ? fileNumber(archived.file) : (newest.get(timeline) ?? 0);
  return fileNumber(file) < last;
}

/** Whole timelines that no row tells of. What they break is told here: who reports them later tells nothing new. */
async function adoptTimelines({ plane, service, signal }: Look): Promise<void> {
  const { catalog, store, log } = plane;
  const { serviceId } = service;
  const known = new Set((await catalog.archiveFacts(serviceId)).timelines.map(({ id }) => id));
  const found = await openArchive(store, serviceId).timelines(signal);
  const timelines = found.map(({ id }) => id).filter((id) => !known.has(id));
  if (timelines.length === 0) return;
  await rebuildArchive({ catalog, store, serviceId, only: new Set(timelines) }, noFindings(), signal);
  log.warn(
    { service: serviceId, timelines },
    'Timelines without a row were found in the store, and are known again.',
  );
}

async function compareFile(look: Look, objects: ArchivedObjects, state: FollowState): Promise<void> {
  const { plane, service } = look;
  const { timeline, file, headers, bodies } = objects;
  const rows = (await plane.catalog.segmentsOfFile(service.serviceId, file)).filter(
    (row) => row.timeline === timeline,
  );
  const ranges = new Map(headers.map((header) => [rangeOf(header), header]));
  const withBody = new Set(bodies.map(rangeOf));
  await removeBodies(
    look,
    bodies.filter((body) => !ranges.has(rangeOf(body))),
  );
  await removeCovered(look, objects, rows);
  const rowless = headers.filter((header) => withBody.has(rangeOf(header)) && !isHeld(header, rows));
  if (rowless.length > 0) await adoptSegments(look, objects, rowless, state);
  const gone = rows.filter((row) => !ranges.has(rangeOf(row)) || !withBody.has(rangeOf(row)));
  await forgetSegments(look, gone);
}

function rangeOf({ start, end }: { start: number; end: number }): string {
  return `${start}-${end}`;
}

/** Whether a row has all of it: it is known, or others took its place. */
function isHeld({ start, end }: ArchivedObject, rows: readonly SegmentFacts[]): boolean {
  return rows.some((row) => row.start <= start && row.end >= end);
}

/** What a follower left that was ended between the body and its header: nobody can know what it is. */
async function removeBodies(look: Look, bodies: readonly ArchivedObject[]): Promise<void> {
  const { plane, service, look: found, signal } = look;
  const { store, log, retention } = plane;
  for (const { key, bytes } of bodies) {
    if (!found.isStill(key, retention.graceMs)) continue;
    const header = `${key.slice(0, key.lastIndexOf('/') + 1)}${/[^/]*$/.exec(key)![0].split('.')[0]}.json`;
    if (await objectExists(store, header, signal)) continue;
    await store.delete(key, signal);
    log.info({ service: service.serviceId, key, bytes }, 'A part of a binlog without a header was removed.');
  }
}

/** Small segments that a larger one took the place of, where whoever joined them was ended before they were removed. */
async function removeCovered(
  look: Look,
  { headers, bodies }: ArchivedObjects,
  rows: readonly SegmentFacts[],
): Promise<void> {
  const { plane, service, look: found, signal } = look;
  const { store, log, retention } = plane;
  const listed = new Set(headers.map(rangeOf));
  const whole = new Set(bodies.map(rangeOf));
  const larger = rows.filter((row) => listed.has(rangeOf(row)) && whole.has(rangeOf(row)));
  for (const header of headers) {
    const covered = isHeld(header, larger) && !rows.some((row) => rangeOf(row) === rangeOf(header));
    if (!covered || !found.isStill(header.key, retention.graceMs)) continue;
    await store.delete(header.key, signal);
    for (const body of bodies.filter((one) => rangeOf(one) === rangeOf(header)))
      await store.delete(body.key, signal);
    const what = { service: service.serviceId, key: header.key };
    log.info(what, 'A segment of a binlog that a larger one took the place of was removed.');
  }
}

/** What was shipped and never told. */
async function adoptSegments(
  { plane, service, signal }: Look,
  { timeline, file }: ArchivedObjects,
  rowless: readonly ArchivedObject[],
  state: FollowState,
): Promise<void> {
  const { serviceId } = service;
  const wanted = new Set(rowless.map(rangeOf));
  const segments: SegmentFacts[] = [];
  for await (const header of openArchive(plane.store, serviceId).headers(timeline, file, signal))
    if (wanted.has(rangeOf(header))) segments.push(factsOf(header));
  const report: FollowReport = { timelines: [], segments, joined: [], holes: [], state };
  await plane.catalog.recordArchive(serviceId, report);
  const what = { service: serviceId, timeline, file, segments: segments.length };
  plane.log.warn(what, 'Archived binlogs without a row were found in the store, and are known again.');
}

/** Rows of files of which nothing is there at all. */
async function forgetFiles(look: Look, isGone: (timeline: string, file: string) => boolean): Promise<void> {
  const { plane, service, signal } = look;
  const { catalog } = plane;
  const { serviceId } = service;
  const { stretches } = await catalog.archiveFacts(serviceId);
  for (const { timeline, fromFile, endFile } of stretches) {
    for (let number = fileNumber(fromFile); number <= fileNumber(endFile); number += 1) {
      signal.throwIfAborted();
      const file = nameOf(fromFile, number);
      if (!isGone(timeline, file)) continue;
      const rows = await catalog.segmentsOfFile(serviceId, file);
      await settled(look, file, () =>
        forgetSegments(
          look,
          rows.filter((row) => row.timeline === timeline),
        ),
      );
    }
  }
}

/** `bin.000009`, 10 → `bin.000010` */
function nameOf(first: string, number: number): string {
  const [, base = '', digits = ''] = /^(.*\.)(\d+)$/.exec(first) ?? [];
  return `${base}${String(number).padStart(digits.length, '0')}`;
}

async function forgetSegments(look: Look, rows: readonly SegmentFacts[]): Promise<void> {
  const { plane, service, look: found, signal } = look;
  const { catalog, store, log, retention } = plane;
  const { serviceId } = service;
  const gone: SegmentFacts[] = [];
  for (const row of rows) {
    const key = objectKeys.segmentHeader(serviceId, row);
    const encrypted = row.recipients.length > 0;
    const body = objectKeys.segment(serviceId, { ...row, encrypted });
    // Listed a while ago: it may have been joined with others since, or come back.
    if ((await objectExists(store, key, signal)) && (await objectExists(store, body, signal))) continue;
    if (found.isStill(`row ${key}`, retention.graceMs)) gone.push(row);
    else log.error({ service: serviceId, key }, 'An archived binlog is gone from the store.');
  }
  if (gone.length === 0) return;
  await catalog.forgetSegments(serviceId, gone);
  log.error(
    { service: serviceId, file: gone[0]!.file, segments: gone.length },
    'What is gone of an archived binlog is promised no more: see the recovery window, and take a full backup.',
  );
}
