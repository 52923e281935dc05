/** A backup read back in every place that it is kept in: one that is damaged is told, wherever it lies. */
import { TidemarkError } from '../domain/errors.ts';
import { type Examination, mostDamageNamed, type PlaceFound } from '../domain/verification.ts';
import { type ExamineOptions, examineBackup } from './examine.ts';
import type { ObjectStore } from './store.ts';

/**
 * As {@link examineBackup}, one place after the other. A place that cannot be read is told when there is another one
 * that can.
 *
 * @param stores the first is where the backup was written to
 * @throws what the first place fails with, when none can be read; operation_cancelled
 */
export async function examinePlaces(
  stores: readonly ObjectStore[],
  backupId: string,
  { onProgress, ...options }: ExamineOptions,
): Promise<Examination> {
  const all: Examination = { objectsCount: 0, bytesRead: 0, damaged: [], damagedCount: 0 };
  const places: PlaceFound[] = [];
  let failure: TidemarkError | undefined;
  for (const [index, store] of stores.entries()) {
    const { location } = store;
    try {
      const found = await examineBackup(store, backupId, {
        ...options,
        // Each place has the same to read, as far as is known.
        onProgress: (done, total) => onProgress?.(index * total + done, stores.length * total),
      });
      all.objectsCount += found.objectsCount;
      all.bytesRead += found.bytesRead;
      all.damagedCount += found.damagedCount;
      all.damaged.push(...found.damaged.map((damage) => ({ ...damage, location })));
      places.push({ location, damagedCount: found.damagedCount });
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof TidemarkError)) throw error;
      failure ??= error;
      places.push({ location, damagedCount: 0, unread: error.message });
    }
  }
  if (failure && places.every(({ unread }) => unread !== undefined)) throw failure;
  return { ...all, damaged: all.damaged.slice(0, mostDamageNamed), places };
}
