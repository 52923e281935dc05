/** Backups as they lie in the stores: one, or one with all that it builds on. */
import type { BackupRecord } from '../../catalog/types.ts';
import { chainGap } from '../../domain/chain.ts';
import { type BackupSource, managedStorage } from '../../domain/copies.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { readManifest, type ReadManifest } from '../../storage/manifest.ts';
import { firstOf } from '../../storage/replicas.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { statParts } from '../../storage/verify.ts';
import { storeOf } from './buckets.ts';
import type { Plane } from './plane.ts';

/** A backup that is there. */
export interface Link extends ReadManifest {
  /** Where it can be read; the first is where it was found whole. */
  sources: BackupSource[];
}

/**
 * A backup and all that it builds on, from the full on: every object is there, and each goes on where the one before
 * ends.
 *
 * @throws object_missing, object_damaged, chain_broken
 */
export async function readChain(plane: Plane, backup: BackupRecord): Promise<[Link, ...Link[]]> {
  let chain: [Link, ...Link[]] = [await readWhole(plane, backup)];
  for (let parent = chain[0].manifest.lineage.parent; parent !== '';) {
    const record = await plane.catalog.findBackup(parent);
    if (!record) {
      const message = `The backup ${parent}, which ${backup.id} builds on, is not listed any more. Restore another backup.`;
      throw new TidemarkError('chain_broken', message);
    }
    const link = await readWhole(plane, record);
    const gap = chainGap(link.manifest, chain[0].manifest);
    if (gap !== undefined) throw new TidemarkError('chain_broken', `${gap} Restore another backup.`);
    chain = [link, ...chain];
    parent = link.manifest.lineage.parent;
  }
  return chain;
}

/** Where a chain can be read: the places of its last backup, then those that only another one has. */
export function sourcesOf(chain: readonly Link[]): BackupSource[] {
  const places = new Map<string, BackupSource>();
  for (const { sources } of chain.toReversed()) {
    for (const source of sources) if (!places.has(source.location)) places.set(source.location, source);
  }
  return [...places.values()];
}

/** Where a backup is kept: where it was written to, then its copies, in the order of the settings. */
export async function placesOf(
  plane: Plane,
  { id, method }: BackupRecord,
): Promise<{ source: BackupSource; store: ObjectStore }[]> {
  const own: BackupSource = { location: managedStorage, shown: plane.store.location };
  const places = [{ source: own, store: await storeOf(plane, id) }];
  const copies = method === 'external' ? [] : ((await plane.catalog.findCopies([id])).get(id) ?? []);
  for (const [location, store] of plane.copies) {
    const made = copies.some((copy) => copy.location === location && copy.status === 'Succeeded');
    if (made) places.push({ source: { location, shown: location }, store });
  }
  return places;
}

/**
 * The manifest of a backup from the first place that has it and every part, and where else it may be read: that place
 * first.
 *
 * @throws object_missing, object_damaged, naming every place with its reason
 */
export async function readWhole(plane: Plane, backup: BackupRecord): Promise<Link> {
  const { id, manifestSha256 } = backup;
  const places = await placesOf(plane, backup);
  const stores = places.map(({ store }) => store);
  const { answer, place, refusals } = await firstOf(stores, `The backup ${id}`, async (store, signal) => {
    const read = await readManifest(store, id, manifestSha256, signal);
    await statParts(store, read.manifest, signal);
    return read;
  });
  const sources = [...places.slice(place), ...places.slice(0, place)].map(
    ({ source, store }): BackupSource => {
      const refusal = refusals.find(({ location }) => location === store.location)?.error.message;
      return { ...source, ...(refusal !== undefined && { refusal }) };
    },
  );
  return { ...answer, sources };
}
