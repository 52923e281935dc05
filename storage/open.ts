/** From a location in the settings to the store that is there, with what every store of its kind gets around it. */
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CopyStorage } from '../config/copies.ts';
import { storageOptions, type StorageOptions } from '../config/storage.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import { limited } from './decorators/limited.ts';
import { logged } from './decorators/logged.ts';
import { measured, type StoreMeter } from './decorators/measured.ts';
import { parallel } from './decorators/parallel.ts';
import { retrying } from './decorators/retrying.ts';
import { timed } from './decorators/timed.ts';
import { lazily } from './lazy.ts';
import { openLocalStore } from './local/local-store.ts';
import type { GcsCredentials } from './gcs/client.ts';
import type { S3Credentials } from './s3/client.ts';
import { bucketLocation, decoded, parseBucket, wrongLocation } from './location.ts';
import type { ObjectStore } from './store.ts';
import type { WaitsHeard } from './waits.ts';

export interface OpenOptions {
  /** As in the settings; the defaults of the settings when left out. */
  options?: StorageOptions;
  /** Hears of every request. */
  log?: Log;
  /** Counts every request. */
  meter?: StoreMeter;
  /** Hears what is waited for, of a store across a network. */
  waits?: WaitsHeard;
  /** For a bucket that is not the deployment's own; default: the cloud's own default chain. */
  credentials?: S3Credentials | GcsCredentials;
}

export interface LazyOpenOptions extends OpenOptions {
  log: Log;
  /** Sees, each time that the store was opened, that it is the right one. @throws what then every request fails with */
  confirm?: (store: ObjectStore) => Promise<void>;
}

/**
 * Opens the store at `location`. A local directory that is missing is made, readable by its owner alone, and has to be
 * one that can be written to; a bucket is not made, and not asked before it is used: see probeBucket for that.
 *
 * A store across a network has time-outs, at most so many requests at once, and retries; every store has limits of
 * its rate, metrics and a log. A retry counts against the limits, and is measured and logged by itself.
 *
 * @param location `file:///srv/backups`, `s3://bucket/prefix`, `gs://bucket/prefix`; special characters may be percent-encoded
 * @throws invalid_setting when `location` is no location; for a local directory a store's errors that do not pass, and
 *   storage_unavailable when the place cannot be made, read or written to
 *
 * @example const store = await openStore('s3://backups/production', { options: settings.storage_options, log })
 */
export async function openStore(location: string, given: OpenOptions = {}): Promise<ObjectStore> {
  const options = given.options ?? storageOptions.parse({});
  if (location.startsWith('s3://')) {
    // Only now: its client takes time to load, and memory that nobody needs for a directory.
    const { openS3Store } = await import('./s3/s3-store.ts');
    const { log } = given;
    const credentials =
      given.credentials && 'accessKeyId' in given.credentials ? given.credentials : undefined;
    return acrossNetwork(
      await openS3Store({ ...parseBucket(location), options, log, credentials }),
      options,
      given,
    );
  }
  if (location.startsWith('gs://')) {
    // Who has no bucket of Google's does not load its client.
    const { openGcsStore } = await import('./gcs/gcs-store.ts');
    const credentials =
      given.credentials && 'private_key' in given.credentials ? given.credentials : undefined;
    const store = await openGcsStore({ ...parseBucket(location), options, credentials });
    return acrossNetwork(store, options, given);
  }
  return limited(observedBy(await openLocalStore(pathOf(location)), given), options);
}

/**
 * The store at `location`, opened when it is needed and not before: see {@link lazily}.
 *
 * @throws invalid_setting when `location` is no location
 */
export function openLazily(location: string, given: LazyOpenOptions): ObjectStore {
  const { confirm, log } = given;
  const open = async (): Promise<ObjectStore> => {
    const store = await openStore(location, given);
    await confirm?.(store);
    return store;
  };
  return lazily({ location: placeOf(location), open, log });
}

/**
 * A location in the form that its store has, without asking the store.
 *
 * @throws invalid_setting when `location` is no location
 */
export function placeOf(location: string): string {
  const [scheme = ''] = /^(s3|gs)(?=:\/\/)/.exec(location) ?? [];
  if (scheme !== '') return bucketLocation(scheme, parseBucket(location));
  return pathToFileURL(path.resolve(pathOf(location))).href;
}

/**
 * The further storages of the settings, by the locations that they are known by there; each opened when it is needed.
 *
 * @param storage the first one, which cannot be its own copy
 * @throws invalid_setting as {@link refuseOverlaps} does
 */
export function openCopies(
  copies: readonly CopyStorage[],
  storage: ObjectStore,
  given: Omit<LazyOpenOptions, 'options' | 'credentials' | 'confirm'>,
): ReadonlyMap<string, ObjectStore> {
  refuseOverlaps(
    storage.location,
    copies.map(({ location }) => location),
    'in "copies"',
  );
  return new Map(
    copies.map(({ location, options }) => [location, openLazily(location, { ...given, options })]),
  );
}

/**
 * A copy that lies in the same place as what it is a copy of is none, and one inside another is lost with it.
 *
 * @param where another one is to be named: `in "copies"`
 * @throws invalid_setting when one is no location, the same place as another, or inside it
 */
export function refuseOverlaps(storage: string, copies: readonly string[], where: string): void {
  const places = [{ place: placeOf(storage), called: `the storage ${storage}` }];
  for (const location of copies) {
    const place = placeOf(location);
    for (const other of places) {
      const relation = relationOf(place, other.place);
      if (relation === undefined) continue;
      throw new TidemarkError(
        'invalid_setting',
        `The copy in ${location} would lie ${relation} ${other.called}. Name another place for it ${where}.`,
      );
    }
    places.push({ place, called: `the copy in ${location}` });
  }
}

function relationOf(place: string, other: string): string | undefined {
  const folderOf = (location: string): string => location.replace(/\/?$/, '/');
  if (folderOf(place) === folderOf(other)) return 'in the same place as';
  if (folderOf(place).startsWith(folderOf(other))) return 'inside';
  return folderOf(other).startsWith(folderOf(place)) ? 'around' : undefined;
}

/** Innermost the time-outs: waiting for a turn, or for the limit, is not the store's fault. */
function acrossNetwork(store: ObjectStore, options: StorageOptions, given: OpenOptions): ObjectStore {
  const asked = observedBy(timed(store, options.request_timeout), given);
  const inTurn = parallel(asked, options.parallel_requests);
  return retrying(limited(inTurn, options), { deadlineMs: options.retry_for, waits: given.waits });
}

function observedBy(store: ObjectStore, { log, meter }: OpenOptions): ObjectStore {
  const counted = meter ? measured(store, meter) : store;
  return log ? logged(counted, log) : counted;
}

function pathOf(location: string): string {
  // A fourth slash or a host would silently mean another place than the one that was meant.
  if (!/^file:\/\/\/[^/]/.test(location)) {
    throw wrongLocation(location, 'is neither an absolute file:// location nor a bucket');
  }
  const directory = decoded(location, (url) => fileURLToPath(url));
  if (directory.includes('\0')) throw wrongLocation(location, 'has a NUL in it');
  return directory;
}
