/**
 * A finished backup, copied to another place as it is: nothing is decrypted or packed anew. The manifest comes last there,
 * too, so that a copy that broke off is no backup. Memory is the parts under way, whatever the size of the backup.
 */
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import type { Manifest, PartRecord } from '../domain/manifest.ts';
import { throwIfCancelled } from './cancel.ts';
import { readManifest, type ReadManifest } from './manifest.ts';
import { within } from './network/within.ts';
import { fetchPart } from './parts.ts';
import { putOnce } from './put-once.ts';
import { firstOf, Replicas, type Refusal } from './replicas.ts';
import type { ObjectStore } from './store.ts';
import { statParts } from './verify.ts';
import { markWriter } from './writer-mark.ts';

/** How many parts are under way at a time, and how many bytes of them: parts can be larger than is usual. */
const mostParts = 3;
const mostBytes = 64 * 1024 * 1024;
/** How soon a place has to answer at all. One that is away is tried again later, and must not hold others up. */
const answerMs = 20_000;

export interface CopyOptions {
  /** Of the manifest: what lies in any of the sources is this backup only when it has it. */
  manifestSha256: string;
  /** Asked before anything is written, and once more before the manifest is. @throws what keeps it from being copied */
  mayGoOn: () => Promise<void>;
  signal: AbortSignal;
  /** Told how many bytes of parts are there by now, of how many. */
  onProgress?: (done: number, total: number) => void;
  /** Told when a source could not give an object, and another one is asked. */
  onRefusal?: (refusal: Refusal) => void;
}

export interface CopyResult {
  /** Parts, and the manifest. */
  objects: number;
  /** Of all parts. */
  bytes: number;
  /** Of those that were not there yet. */
  sentBytes: number;
}

/**
 * Copies a backup's objects from the first of `sources` that has each of them right. What is there already and right
 * is not sent again, so that a copy that broke off goes on. May be called again at any time.
 *
 * @throws storage_timeout, storage_unavailable and what else `target` refuses; object_exists when something else lies
 *   there; object_missing, object_damaged when no source has an object right; operation_cancelled; what `mayGoOn` throws
 */
export async function copyBackup(
  sources: readonly ObjectStore[],
  target: ObjectStore,
  backupId: string,
  options: CopyOptions,
): Promise<CopyResult> {
  const { manifestSha256, mayGoOn, signal } = options;
  const there = await lookInto(target, backupId, signal);
  const found = await firstOf(
    sources,
    `The manifest of the backup ${backupId}`,
    (store, either) => readManifest(store, backupId, manifestSha256, either),
    signal,
  );
  const read: ReadManifest = found.answer;
  const { manifest } = read;
  await mayGoOn();
  await markWriter(target, manifest, signal);
  const from = new Replicas(
    [...sources.slice(found.place), ...sources.slice(0, found.place)],
    options.onRefusal,
  );
  const sentBytes = await copyParts(from, target, manifest, there, options);
  await copyServiceFile(sources, target, manifest.serviceId, signal);
  // What was listed first may be gone, and nobody looks at a copy again before it is needed.
  await statParts(target, manifest, signal);
  await mayGoOn();
  throwIfCancelled(signal);
  await putOnce(target, objectKeys.manifest(backupId), read.body, read.sha256, signal);
  const objects = manifest.streams.reduce((sum, { parts }) => sum + parts.length, 1);
  return { objects, bytes: manifest.storedBytes, sentBytes };
}

/** What there is already, with its size; by this the place also shows that it answers. */
async function lookInto(
  target: ObjectStore,
  backupId: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  await within(answerMs, target.location, async (late) => {
    try {
      await target.stat(objectKeys.manifest(backupId), AbortSignal.any([signal, late]));
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'object_missing') throw error;
    }
  });
  for await (const { key, bytes } of target.list(`${objectKeys.backupFolder(backupId)}/`, { signal }))
    found.set(key, bytes);
  return found;
}

/** @returns how many bytes were sent */
async function copyParts(
  from: Replicas,
  target: ObjectStore,
  { streams, storedBytes }: Manifest,
  there: ReadonlyMap<string, number>,
  { signal, onProgress }: CopyOptions,
): Promise<number> {
  let done = 0;
  let sent = 0;
  onProgress?.(done, storedBytes);
  const parts = streams.flatMap((stream) => stream.parts);
  await severalAtATime(parts, signal, async (part, memory, either) => {
    if (!(await isThere(target, part, there, memory, either))) {
      const bytes = await fetchPart(from, part, either, memory);
      await putOnce(target, part.key, bytes, part.sha256, either);
      sent += part.bytes;
    }
    done += part.bytes;
    onProgress?.(done, storedBytes);
  });
  return sent;
}

/** A part that an earlier attempt has sent is read back: its size alone says nothing. */
async function isThere(
  target: ObjectStore,
  part: PartRecord,
  there: ReadonlyMap<string, number>,
  memory: Buffer,
  signal: AbortSignal,
): Promise<boolean> {
  if (there.get(part.key) !== part.bytes) return false;
  try {
    await fetchPart(target, part, signal, memory);
    return true;
  } catch (error) {
    // The put says what is wrong with one that is there and damaged.
    const other = error instanceof TidemarkError && /^object_(missing|damaged)$/.test(error.code);
    if (!other) throw error;
    return false;
  }
}

/** What is known of the service lies beside its backups. It is no part of one: without it, the copy is as good. */
async function copyServiceFile(
  sources: readonly ObjectStore[],
  target: ObjectStore,
  serviceId: string,
  signal: AbortSignal,
): Promise<void> {
  const key = objectKeys.service(serviceId);
  let body: Buffer;
  try {
    ({ answer: body } = await firstOf(
      sources,
      `The object ${key}`,
      (store, either) => store.get(key, undefined, either),
      signal,
    ));
  } catch (error) {
    throwIfCancelled(signal);
    if (!(error instanceof TidemarkError)) throw error;
    return;
  }
  await target.replace(key, body, signal);
}

/** Each part once, a few at a time, each worker with memory of its own. The first error ends all of them. */
async function severalAtATime(
  parts: readonly PartRecord[],
  signal: AbortSignal,
  work: (part: PartRecord, memory: Buffer, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const givenUp = new AbortController();
  const either = AbortSignal.any([signal, givenUp.signal]);
  const largest = parts.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const workers = Math.max(
    1,
    Math.min(mostParts, parts.length, Math.floor(mostBytes / Math.max(largest, 1))),
  );
  const waiting = parts.values();
  const workOff = async (): Promise<void> => {
    // One byte more tells a part that has grown.
    const memory = Buffer.allocUnsafeSlow(largest + 1);
    for (const part of waiting) {
      throwIfCancelled(either);
      await work(part, memory, either);
    }
  };
  const working = Array.from({ length: workers }, workOff);
  try {
    await Promise.all(working);
  } finally {
    givenUp.abort();
    await Promise.allSettled(working);
  }
}
