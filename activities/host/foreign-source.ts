/** Where somebody else's backup is read from: one object of a bucket, or the objects of a folder. */
import { createHash } from 'node:crypto';
import { TidemarkError } from '../../domain/errors.ts';
import { type ForeignOrder, keyBelow } from '../../domain/foreign.ts';
import { measure, type RestorePhase } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { ByteReader, type Bytes, giveUp } from '../../mariadb/foreign/bytes.ts';
import { type Opened, openLayers } from '../../mariadb/foreign/layers.ts';
import { unpackTar } from '../../mariadb/foreign/tar.ts';
import type { Unpacked } from '../../mariadb/foreign/unpacked.ts';
import { unpackXbstream } from '../../mariadb/foreign/xbstream.ts';
import { openExternalStore } from '../../storage/external.ts';
import { readObject } from '../../storage/object-stream.ts';
import type { ListedObject, ObjectStore } from '../../storage/store.ts';
import { type OpenedSource, openSealedSource } from '../../sealing/for-source.ts';
import type { HostRestoreInput } from './contract.ts';
import type { Host } from './host.ts';

export interface ForeignPlace {
  source: OpenedSource;
  store: ObjectStore;
  /** The object itself; undefined for a folder. */
  object?: ListedObject;
  /** Of a folder: its files, by their paths in it. */
  files: { name: string; object: ListedObject }[];
  /** Of all that is to be read. */
  storedBytes: number;
  /** As in `ForeignFacts`. */
  identity: string;
}

/**
 * The place that was looked at, as it was then; and each of its objects is read only as it is now.
 *
 * @throws source_changed; what `openPlace` does
 */
export async function openKnownPlace(
  host: Host,
  order: HostRestoreInput,
  signal: AbortSignal,
): Promise<ForeignPlace> {
  const place = await openPlace(host, order, signal);
  const { storedBytes, identity = place.identity } = foreignOf(order).facts ?? {};
  if (storedBytes !== place.storedBytes || identity !== place.identity) throw changedSince();
  return place;
}

export function changedSince(): TidemarkError {
  return new TidemarkError(
    'source_changed',
    'The backup was changed since it was looked at. Leave it as it is, and order the restore again.',
  );
}

/** The most objects that a folder may have. */
const mostObjects = 1_000_000;

/** @throws sealed_for_another, endpoint_refused, source_missing; what the store does */
export async function openPlace(
  host: Host,
  order: HostRestoreInput,
  signal: AbortSignal,
): Promise<ForeignPlace> {
  const source = openOrder(host, order);
  const { store, key } = await openStoreOf(host, source);
  const object = await findObject(store, key, signal);
  if (object) {
    return { source, store, object, files: [], storedBytes: object.bytes, identity: identityOf([object]) };
  }
  const files: ForeignPlace['files'] = [];
  for await (const found of store.list(`${key}/`, { signal })) {
    // Consoles make an empty object of a folder's own name.
    if (found.key.endsWith('/')) continue;
    files.push({ name: found.key.slice(key.length + 1), object: found });
    if (files.length > mostObjects) {
      throw new TidemarkError('source_too_large', `The folder has more than ${mostObjects} objects.`);
    }
  }
  if (files.length === 0) {
    throw new TidemarkError(
      'source_missing',
      `There is neither an object ${JSON.stringify(source.object)} in ${source.location} nor a folder of that name.`,
    );
  }
  const objects = files.map(({ object: found }) => found);
  const storedBytes = objects.reduce((sum, { bytes }) => sum + bytes, 0);
  return { source, store, files, storedBytes, identity: identityOf(objects) };
}

/** One for any number of objects: a list of them all could be more than an order can carry. */
function identityOf(objects: readonly ListedObject[]): string {
  const hash = createHash('sha256');
  for (const { key, bytes, version } of objects) hash.update(`${JSON.stringify([key, bytes, version])}\n`);
  return hash.digest('hex');
}

/** What an order says of it. */
export function foreignOf({ foreign }: HostRestoreInput): ForeignOrder {
  if (foreign) return foreign;
  throw new Error('an order of no foreign backup');
}

function openOrder(host: Host, order: HostRestoreInput): OpenedSource {
  const { agentId, ageIdentity } = host;
  if (ageIdentity === undefined) throw new TidemarkError('internal', 'This agent has no age identity.');
  const { workflowId } = order;
  return openSealedSource(foreignOf(order).source, { agentId, workflowId }, ageIdentity);
}

async function openStoreOf(host: Host, source: OpenedSource): Promise<{ store: ObjectStore; key: string }> {
  const { location, object, credentials, endpoints } = source;
  if (credentials) {
    const { log, waits } = host;
    const options = host.settings.storage_options;
    const store = await openExternalStore({ location, credentials, endpoints }, { options, log, waits });
    return { store, key: object };
  }
  const key = keyBelow(host.store.location, location, object);
  if (key !== undefined) return { store: host.store, key };
  throw new TidemarkError(
    'source_missing',
    `Without credentials only the managed storage is read, which is ${host.store.location}, and ${object} in ${location} is ` +
      'not in it. Give credentials for that bucket.',
  );
}

async function findObject(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<ListedObject | undefined> {
  try {
    return { key, ...(await store.stat(key, signal)) };
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    throw error;
  }
}

/** The bytes of one object, told of as they are read. */
function streamOf(
  host: Host,
  { store, storedBytes }: ForeignPlace,
  object: ListedObject,
  { trial, before = 0, tell }: { trial: Attempt; before?: number; tell: (read: number, of: number) => void },
): Bytes {
  return readObject(store, object, {
    ahead: host.settings.restore.parts_ahead,
    signal: trial.signal,
    onProgress: (read) => tell(before + read, storedBytes),
  });
}

/** Tells how much of the place was read. @param worked bytes that were made of it so far */
export function teller(
  trial: Attempt,
  phase: RestorePhase,
  worked: () => number,
): (read: number, of: number) => void {
  const begun = Date.now();
  return (read, of) => {
    trial.report(measure(phase, read, of, Date.now() - begun), read + worked());
  };
}

/** What an object is, without its layers. Whoever does not read it to its end has to end it. */
export async function openObject(
  host: Host,
  place: ForeignPlace,
  { trial, tell }: { trial: Attempt; tell: (read: number, of: number) => void },
): Promise<Opened> {
  const { object, source } = place;
  if (!object) throw new TidemarkError('source_no_backup', 'It is a folder, and a dump is one object.');
  const stream = streamOf(host, place, object, { trial, tell });
  const key = source.encryptionKey;
  const opened = await openLayers(stream, { key, server: host.settings.server, attempt: trial });
  const isDump = opened.content === 'sql';
  if (isDump === (source.method === 'mysqldump')) return opened;
  await giveUp(opened.bytes);
  throw new TidemarkError(
    'source_no_backup',
    isDump
      ? `It is ${opened.form}: restore it with "method": "mysqldump".`
      : `It is ${opened.form}, and no dump: restore it with "method": "mariabackup".`,
  );
}

/** How many small files are fetched at the same time. */
const filesAtOnce = 4;

/**
 * Unpacks all that is at the place.
 *
 * @returns what it is, for people
 */
export async function unpackPlace(
  host: Host,
  place: ForeignPlace,
  { trial, into, phase }: { trial: Attempt; into: Unpacked; phase: RestorePhase },
): Promise<string> {
  const tell = teller(trial, phase, () => into.bytes);
  if (!place.object) {
    await unpackFolder(host, place, { trial, into, tell });
    return 'a folder';
  }
  const { content, form, bytes } = await openObject(host, place, { trial, tell });
  const reader = new ByteReader(bytes);
  try {
    await (content === 'tar' ? unpackTar : unpackXbstream)(reader, into);
    // Only at the very end is it known that nothing was cut off, or changed.
    await reader.drain();
  } finally {
    await reader.end();
  }
  return form;
}

async function unpackFolder(
  host: Host,
  place: ForeignPlace,
  { trial, into, tell }: { trial: Attempt; into: Unpacked; tell: (read: number, of: number) => void },
): Promise<void> {
  const waiting = place.files.values();
  const failed = new AbortController();
  const signal = AbortSignal.any([trial.signal, failed.signal]);
  let before = 0;
  const work = async (): Promise<void> => {
    for (const { name, object } of waiting) {
      signal.throwIfAborted();
      const file = await into.create(name);
      try {
        let position = 0;
        const bytes = streamOf(host, place, object, {
          trial: { ...trial, signal },
          tell: () => tell(before + position, place.storedBytes),
        });
        for await (const piece of bytes) {
          await file.write(piece, position);
          position += piece.length;
        }
      } finally {
        await file.close();
      }
      before += object.bytes;
      tell(before, place.storedBytes);
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: filesAtOnce }, () =>
      work().catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  trial.signal.throwIfAborted();
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  if (reasons.length > 0) throw failed.signal.reason;
}
