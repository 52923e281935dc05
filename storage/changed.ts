/** Reads that are of one version of an object alone. */
import { TidemarkError } from '../domain/errors.ts';
import type { ByteRange } from './store.ts';

/** Which object it is about, for messages. */
interface Named {
  key: string;
  /** Of the store. */
  location: string;
}

/** The error of a read of one version of an object, where another one has its key. */
export function sourceChanged({ key, location }: Named): TidemarkError {
  return new TidemarkError(
    'source_changed',
    `The object ${key} in ${location} is not the one that was looked at: it was replaced, or written to, since. Leave it as it ` +
      'is, and order this again.',
  );
}

/**
 * @param found what the store says of the object whose bytes it brings; undefined where it does not say it
 * @throws source_changed
 */
export function requireVersion(range: ByteRange | undefined, found: string | undefined, object: Named): void {
  if (range?.version !== undefined && found !== undefined && found !== range.version) {
    throw sourceChanged(object);
  }
}

/** What a condition on the version is refused with: that the key is taken is meant of writes. */
export function asChange(error: unknown, range: ByteRange | undefined, object: Named): unknown {
  const refused = error instanceof TidemarkError && error.code === 'object_exists';
  return refused && range?.version !== undefined ? sourceChanged(object) : error;
}
