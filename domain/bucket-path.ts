/** Where in a customer's bucket backups lie: `s3://name/folder`. Pure. */
import type { BucketScheme } from './storage-credentials.ts';

export interface BucketPath {
  scheme: BucketScheme;
  bucket: string;
  /** What the storage calls it: `s3://name/a%20folder`, never with a slash at its end. */
  location: string;
}

export const bucketPathRule =
  'a bucket as s3://name/folder or gs://name/folder; the name of letters, digits, ".", "_" and "-"';

const form = /^(s3|gs):\/\/([A-Za-z0-9._-]{1,222})(?:\/([^\p{Cc}?#\\]{0,700}))?$/u;
/** What a key may have at most beside the prefix is far below what is left. UTF-8 bytes. */
const longestPrefix = 700;
const longestSegment = 255;

/** A location as it is written in a request. @example bucketPathOf('s3://mine/a%20folder') // 's3://mine/a folder' */
export function bucketPathOf(location: string): string {
  const [, start = '', folder = ''] = /^([a-z0-9]+:\/\/[^/]*)(.*)$/s.exec(location) ?? [];
  return start + folder.split('/').map(decodeURIComponent).join('/');
}

/**
 * The folder is taken letter by letter: `%2e%2e` is no way up, but a folder of that name.
 *
 * @example parseBucketPath('s3://mine/tidemark/') // { scheme: 's3', bucket: 'mine', location: 's3://mine/tidemark' }
 */
export function parseBucketPath(path: string): BucketPath | { wrong: string } {
  const [, scheme, bucket = '', folder = ''] = form.exec(path) ?? [];
  if (scheme === undefined || /^\.+$/.test(bucket)) return { wrong: bucketPathRule };
  const prefix = folder.replace(/\/$/, '');
  const segments = prefix === '' ? [] : prefix.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return { wrong: `${bucketPathRule} (no part of the folder may be empty, "." or "..")` };
  }
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  if (
    !prefix.isWellFormed() ||
    bytes(prefix) > longestPrefix ||
    segments.some((one) => bytes(one) > longestSegment)
  ) {
    return { wrong: `${bucketPathRule} (the folder of at most 700 bytes, each part of it of at most 255)` };
  }
  const location = [`${scheme}://${bucket}`, ...segments.map(encodeURIComponent)].join('/');
  return { scheme: scheme as BucketScheme, bucket, location };
}
