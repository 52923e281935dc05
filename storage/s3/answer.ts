/** What the answers of S3 say of an object. */
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ObjectState } from '../store.ts';

export function stateOf(bytes: number, tag: string | undefined): ObjectState {
  const version = versionOf(tag);
  return { bytes, ...(bytes > 0 && version !== undefined && { version }) };
}

/**
 * Some servers leave the quotation marks out in one answer and not in another. A weak tag, as of a gateway that
 * compresses, is no version: no condition can be put on it (RFC 9110, 13.1.1).
 */
export function versionOf(tag: string | undefined): string | undefined {
  return tag?.startsWith('W/') === true ? undefined : tag?.replace(/^"(.*)"$/, '$1');
}

export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** Where the body of an answer begins, the size of the object, and whether the body is all of it. */
export function contentRange(answer: GetObjectCommandOutput): {
  start: number;
  total: number | undefined;
  whole: boolean;
} {
  const { ContentRange: header, ContentLength: length } = answer;
  if (header === undefined) return { start: 0, total: length, whole: true };
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header) ?? [];
  return {
    start: Number(start),
    total: total === undefined ? undefined : Number(total),
    whole: start === '0' && Number(end) + 1 === Number(total),
  };
}
