/** Seals what is kept in the catalog under the first of the sealing keys, so that the others are not needed any more. */
import type { Catalog } from '../catalog/types.ts';
import { TidemarkError } from '../domain/errors.ts';
import { bucketContext } from '../domain/storage-credentials.ts';
import { keyIdOf, keyRing, type KeyRing } from '../sealing/key-ring.ts';
import { parseKeys } from '../sealing/keys.ts';

const atOnce = 500;

interface Resealed {
  /** How many envelopes were replaced. */
  resealed: number;
  /** In the order of the file, the one that seals first. */
  keys: {
    id: string;
    line: number;
    /** Kept answers are not sealed anew, because they are forgotten after a day. RFC 3339; undefined: needed by none. */
    neededUntil?: string | undefined;
  }[];
}

/**
 * May run beside the processes that use the catalog, and again: each envelope is replaced by itself.
 *
 * @param text of the file of keys @param file for messages
 * @throws sealing_key_missing when something is sealed under a key that is not in the file; all else is sealed anew
 */
export async function resealCatalog(catalog: Catalog, text: string, file: string): Promise<Resealed> {
  const ring = keyRing(text, file);
  let resealed = 0;
  const lost = new Set<string>();
  const known = parseKeys(text, file);
  for (let after = ''; ;) {
    const buckets = await catalog.listSealed(after, atOnce);
    for (const { id, sealed } of buckets) {
      const key = keyIdOf(sealed);
      if (key === ring.keyId) continue;
      if (!known.some((one) => one.id === key)) lost.add(key);
      else if (await catalog.resealBucket(id, sealed, sealedAnew(ring, id, sealed))) resealed += 1;
    }
    const last = buckets.at(-1);
    if (!last) break;
    after = last.id;
  }
  if (lost.size > 0) {
    throw new TidemarkError(
      'sealing_key_missing',
      `Credentials of buckets are sealed under keys that are not in ${file}: ${[...lost].join(', ')}. ` +
        `${resealed} others were sealed anew. Put the missing lines back, below the first, and run this again.`,
    );
  }
  const keys: Resealed['keys'] = [];
  for (const { id, line } of known) {
    keys.push({ id, line, neededUntil: await catalog.lastExpiryOf(`${id}.`) });
  }
  return { resealed, keys };
}

function sealedAnew(ring: KeyRing, id: string, sealed: string): string {
  return ring.seal(ring.open(sealed, bucketContext(id)), bucketContext(id));
}
