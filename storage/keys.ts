/**
 * The rule for keys and ranges, one for every kind of store: what is allowed here can be stored as a file and in a bucket,
 * and means the same name in both.
 */
import { TidemarkError } from '../domain/errors.ts';
import type { ByteRange } from './store.ts';

/** The longest file name of the common file systems, and the longest key of S3 and GCS. UTF-8 bytes. */
const longestSegment = 255;
const longestKey = 1024;

/** A backslash is a separator elsewhere; control characters cannot be listed by every store. */
const forbidden = /[\\\p{Cc}]/u;

/**
 * @returns the segments of `key`
 * @throws internal when `key` is not a key: keys are made by `objectKeys` alone, so a wrong one is a defect.
 */
export function requireKey(key: string): string[] {
  const segments = key.split('/');
  const fault = faultOf(key, segments);
  if (fault !== undefined) {
    throw new TidemarkError('internal', `${JSON.stringify(key.slice(0, 200))} is not a key: ${fault}.`);
  }
  return segments;
}

function faultOf(key: string, segments: string[]): string | undefined {
  if (key === '') return 'it is empty';
  if (key.startsWith('/')) return 'it begins with "/"';
  if (!key.isWellFormed()) return 'it cannot be written in UTF-8';
  if (forbidden.test(key)) return 'it has a backslash or a control character';
  if (Buffer.byteLength(key) > longestKey) return `it is longer than ${longestKey} bytes`;
  for (const segment of segments) {
    if (segment === '') return 'it has an empty segment';
    if (segment === '.' || segment === '..') return `it has the segment "${segment}"`;
    if (Buffer.byteLength(segment) > longestSegment)
      return `a segment is longer than ${longestSegment} bytes`;
  }
  return undefined;
}

/** Refuses a prefix whose whole segments break the rule; its last segment may be the beginning of any name. */
export function requirePrefix(prefix: string): void {
  const slash = prefix.lastIndexOf('/');
  if (slash >= 0) requireKey(prefix.slice(0, slash));
}

/** @throws internal when `range` cannot be one */
export function requireRange(range: ByteRange | undefined): void {
  if (!range || (isSize(range.start) && isSize(range.length))) return;
  throw new TidemarkError(
    'internal',
    `A range begins at ${range.start} and has ${range.length} bytes; neither can be so.`,
  );
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
