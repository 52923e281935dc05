/** Whether an object is there. */
import { TidemarkError } from '../domain/errors.ts';
import type { ObjectStore } from './store.ts';

/** @throws storage_unavailable */
export async function objectExists(store: ObjectStore, key: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await store.stat(key, signal);
    return true;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return false;
    throw error;
  }
}
