/**
 * Backups that Tidemark did not make: how a request names one, and what is known of it once it was looked at. Pure.
 */
import type { BinlogPosition, DumpContent } from './manifest.ts';

export const foreignMethods = ['mariabackup', 'mysqldump'] as const;
export type ForeignMethod = (typeof foreignMethods)[number];

/** A backup of somebody else, for one restore of one agent. */
export interface SealedSource {
  /** The bucket: `s3://name`. */
  location: string;
  /** The object's path in it, or a folder's, without a slash at either end. */
  object: string;
  method: ForeignMethod;
  /** Credentials and key, sealed for the agent's own age key; base64. */
  sealed: string;
}

/** What was found at the place. Sizes in bytes; 0 where it is not known yet. */
export interface ForeignFacts {
  /** What it is, for people: `a tar archive, compressed by gzip, encrypted by openssl`. */
  form: string;
  storedBytes: number;
  /**
   * What tells the object, or the objects of a folder with their names, from whatever lies there at another time: a
   * digest, hex. Left out by agents of before that was kept.
   */
  identity?: string;
  /** What it comes to when it is unpacked. */
  unpackedBytes: number;
  /** Of files: what they say of themselves, once all of them were read. */
  files?: ForeignFiles;
  /** Of files: the databases among them, the server's own left out; once their names are known. */
  databases?: string[];
  /** Of a dump: always read whole before anything is done with it. */
  dump?: ForeignDump;
  /** What a person should know, each a sentence. */
  warnings: string[];
}

export interface ForeignFiles {
  serverVersion: string;
  toLsn: number;
  /** The redo log was applied already. */
  prepared: boolean;
  /** As in `backup-my.cnf`; left out where that does not say it. */
  innodbPageSize?: number;
  innodbDataFiles?: string[];
  /** What gave the server its keys, by the plugin's name; left out where it had none. */
  keyPlugin?: string;
  binlog?: BinlogPosition;
}

export interface ForeignDump extends DumpContent {
  /** Empty when the dump does not say it. */
  serverVersion: string;
  /** The one database of a dump that never says `USE`; it has to be said for it. */
  unnamed?: string;
  binlog?: BinlogPosition;
}

/** What a restore has to be ordered with to begin at somebody else's backup. */
export interface ForeignOrder {
  source: SealedSource;
  /** Somebody asks what it is: what is small enough is read to its end for that. */
  asked?: true;
  /** Left out while it is being found out. */
  facts?: ForeignFacts;
}

/** The longest name of an object, and of a part of it, in UTF-8 bytes: those of the stores. */
const longestObject = 1024;
const longestSegment = 255;

export const objectPathRule =
  'with external_source, the path of an object or a folder in the bucket, such as /backup.tar.gz';

/**
 * The object that a request means: without the slashes around it.
 *
 * @returns undefined for what is no path, or one that leads out of the bucket
 * @example objectPathOf('/full/2024-03-26/') // 'full/2024-03-26'
 */
export function objectPathOf(id: string): string | undefined {
  const object = id.replace(/^\//, '').replace(/\/$/, '');
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  const segments = object.split('/');
  const wrong = (segment: string): boolean =>
    segment === '' || segment === '.' || segment === '..' || bytes(segment) > longestSegment;
  if (segments.some(wrong) || bytes(object) > longestObject) return undefined;
  return /[\\\p{Cc}]/u.test(object) || !object.isWellFormed() ? undefined : object;
}

/**
 * An object's key in the managed storage, which may have a folder of its bucket; undefined when it is not below that.
 *
 * @param storage where the managed storage is: `s3://bucket/folder`
 * @example keyBelow('s3://mine/tidemark', 's3://mine', 'tidemark/shop/old.tar.gz') // 'shop/old.tar.gz'
 */
export function keyBelow(storage: string, bucket: string, object: string): string | undefined {
  if (storage === bucket) return object;
  if (!storage.startsWith(`${bucket}/`)) return undefined;
  const folder = storage
    .slice(bucket.length + 1)
    .split('/')
    .map(decodeURIComponent)
    .join('/');
  return object.startsWith(`${folder}/`) ? object.slice(folder.length + 1) : undefined;
}
