/** What a store behind a hostile network is held to. */
import { TidemarkError } from '../../domain/errors.ts';
import { storeFaults, type ObjectStore } from '../../storage/store.ts';

/** Whether `error` is one of those that a store may end with. */
export function isClosed(error: unknown): boolean {
  return (
    error instanceof TidemarkError && Object.hasOwn(storeFaults, error.code) && error.code !== 'internal'
  );
}

/** The content of an object; undefined when there is none. */
export async function contentOf(calm: ObjectStore, key: string): Promise<Buffer | undefined> {
  try {
    return await calm.get(key);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    throw error;
  }
}
