/**
 * Incrementals that are fetched before their turn: while the full is prepared, or the one before them is applied. What is
 * there in whole is written down; what is not, for whatever reason, is fetched when its turn has come.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../domain/errors.ts';
import { startOf } from '../../domain/progress.ts';
import { hasRoomAhead } from '../../domain/restore-plan.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { isMissing, removeIfEmpty, writeDurably } from '../../mariadb/restore/files.ts';
import { freeBytes } from '../../mariadb/restore/room.ts';
import { currentBoot } from '../../mariadb/restore/unpacked.ts';
import { removeEmptyFolders, type Staging } from '../../mariadb/restore/staging.ts';
import type { HostRestoreInput } from './contract.ts';
import { fetchInto } from './fetch.ts';
import type { Host } from './host.ts';
import { manifestOf } from './kept-manifest.ts';
import { enterSite, linksOf } from './site.ts';
import { sourcesFor } from './sources.ts';

const record = z.strictObject({ number: z.int(), manifestSha256: z.string(), boot: z.string() });

const fileOf = (folder: string): string => path.join(folder, 'ahead.json');

/** Where an incremental of the chain is unpacked. @param number counted from 1 behind the full */
function placeOf({ incremental }: Staging, number: number): string {
  return path.join(incremental, String(number));
}

/** Whether an incremental is there in whole. What a machine had not synced when it went down is not. */
async function isThere(order: HostRestoreInput, number: number, trial: Attempt): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(fileOf(trial.folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  const found = record.safeParse(parsed(text)).data;
  return (
    found?.number === number &&
    found.manifestSha256 === linksOf(order)[number]?.manifestSha256 &&
    found.boot === (await currentBoot())
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Has an incremental unpacked in a folder of its own; nothing counts as fetched ahead any more from then on, because whoever
 * applies it changes its files.
 *
 * @returns the folder
 */
export async function takeIncremental(
  host: Host,
  order: HostRestoreInput,
  number: number,
  trial: Attempt,
): Promise<string> {
  const { staging } = await enterSite(host, order);
  const place = placeOf(staging, number);
  const there = await isThere(order, number, trial);
  await rm(fileOf(trial.folder), { force: true });
  if (there && !(await isMissing(place))) return place;
  await rm(staging.incremental, { recursive: true, force: true });
  await unpackInto(host, order, number, place, trial);
  return place;
}

async function unpackInto(
  host: Host,
  order: HostRestoreInput,
  number: number,
  place: string,
  trial: Attempt,
): Promise<void> {
  const manifest = await manifestOf(host, order, trial.folder, linksOf(order)[number]);
  const { from } = await sourcesFor(host, order);
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true, mode: 0o700 });
  await fetchInto(host, { manifest, from, directory: place, attempt: trial, phase: 'preparing' });
}

/**
 * Does the work, and fetches the incremental meanwhile, where there is one and room for it. What comes of that is no
 * failure of the work, and when the work fails it ends.
 *
 * @param applying bytes of an incremental that is being applied by the work; 0 while the full is prepared, beside which the
 *   plan has room for any
 */
export async function whileFetching<T>(
  host: Host,
  order: HostRestoreInput,
  number: number,
  trial: Attempt,
  applying: number,
  work: () => Promise<T>,
): Promise<T> {
  if (!linksOf(order)[number]) return await work();
  const over = new AbortController();
  const signal = AbortSignal.any([trial.signal, over.signal]);
  let isWorking = true;
  // Progress is that of the work, as long as it goes on: it counts no bytes, and takes what it takes.
  const report: Attempt['report'] = (progress, bytesMoved) => {
    if (!isWorking) trial.report(progress, bytesMoved);
  };
  const fetching = fetchAhead(host, order, number, { ...trial, signal, report }, applying);
  try {
    return await work();
  } catch (error) {
    over.abort(error);
    throw error;
  } finally {
    isWorking = false;
    await fetching;
    trial.report(startOf('preparing'));
  }
}

/** Never throws: what it could not do is done in its turn, and tells what is in the way. */
async function fetchAhead(
  host: Host,
  order: HostRestoreInput,
  number: number,
  trial: Attempt,
  applying: number,
): Promise<void> {
  let place: string | undefined;
  try {
    const { staging } = await enterSite(host, order);
    const manifest = await manifestOf(host, order, trial.folder, linksOf(order)[number]);
    const room = { free: await freeBytes(staging.incremental), spare: host.settings.restore.min_free };
    if (applying > 0 && !hasRoomAhead(room, applying, manifest.uncompressedBytes)) return;
    place = placeOf(staging, number);
    await unpackInto(host, order, number, place, trial);
    const { manifestSha256 } = linksOf(order)[number]!;
    const boot = await currentBoot();
    await writeDurably(fileOf(trial.folder), JSON.stringify({ number, manifestSha256, boot }));
    host.log.info({ backup: linksOf(order)[number]!.backupId }, 'The next incremental was fetched ahead.');
  } catch (error) {
    if (place !== undefined) await rm(place, { recursive: true, force: true });
    if (trial.signal.aborted) return;
    host.log.warn({ reason: messageOf(error) }, 'The next incremental is fetched in its turn.');
  }
}

/** Nothing of what was fetched counts any more: the copy is made anew. */
export async function forgetAhead(host: Host, order: HostRestoreInput, trial: Attempt): Promise<void> {
  if (!order.chain) return;
  const { staging } = await enterSite(host, order);
  await rm(fileOf(trial.folder), { force: true });
  await rm(staging.incremental, { recursive: true, force: true });
  // Made before others make folders beside it at the same time.
  await mkdir(staging.incremental, { recursive: true, mode: 0o700 });
}

/** An incremental is in the copy. */
export async function removeApplied(staging: Staging, number: number): Promise<void> {
  await rm(placeOf(staging, number), { recursive: true, force: true });
  if (!(await removeIfEmpty(staging.incremental))) return;
  for (const member of staging.members) if (member.kind === 'data') await removeEmptyFolders(member);
}
