/** Whether a server has writes that only create: asked once by writing one small object twice. */
import { TidemarkError } from '../../domain/errors.ts';

/** It stays, so that the next one who asks needs one request. No listing shows it, and no key is called so. */
export const proofKey = '.tidemark-creates-only';

/**
 * @param write puts a body at {@link proofKey}; with `createOnly`, only if there is none
 * @returns whether the second write was refused because of the first; whoever wrote that is the same
 * @throws whatever else `write` throws
 */
export async function createsOnly(
  write: (body: Uint8Array, createOnly: boolean) => Promise<void>,
): Promise<boolean> {
  const body = Buffer.from('Written to see that a write that only creates overwrites nothing.\n');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await write(body, true);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      if (error.code === 'object_exists') return true;
      if (error.code !== 'storage_refused') throw error;
      // It is the condition that is refused, unless the same without one is refused, too.
      await write(body, false);
      return false;
    }
  }
  return false;
}
