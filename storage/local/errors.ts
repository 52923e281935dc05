/** What the operating system says about files, in the words of the object store. */
import { TidemarkError, messageOf } from '../../domain/errors.ts';

/** The `errno` name of a failed system call, such as `ENOENT`; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether `error` says that there is nothing at the path. */
export function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/**
 * @param doing what failed, for the message: `write a/part-000001`
 * @param place the directory that the store is in
 */
export function storageError(error: unknown, doing: string, place: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const errno = errnoOf(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    const what = errno === 'ENOSPC' ? 'The file system' : 'The disk quota';
    return new TidemarkError(
      'storage_full',
      `${what} of ${place} is full: could not ${doing}. Free space there, then try again.`,
      { cause: error },
    );
  }
  return new TidemarkError(
    'storage_unavailable',
    `Could not ${doing} in ${place}: ${messageOf(error)}. See that the directory is there and can be written to.`,
    { cause: error },
  );
}
