/** What is known of a restore in place that is not finished: how far it went, on disk before it goes there. */
import path from 'node:path';
import { z } from 'zod';
import { makeDirectory, readRecord, removeDurably, writeDurably } from './files.ts';

export const inPlaceRecord = z.object({
  restoreId: z.number(),
  /** Whether the server accepted connections before. */
  served: z.boolean(),
  /** Whether files were removed, or are about to be. */
  emptied: z.boolean(),
});

export type InPlaceRecord = z.infer<typeof inPlaceRecord>;

const fileOf = (stateDirectory: string): string => path.join(stateDirectory, 'journals', 'in-place.json');

/** The record of the restore in place that is not finished; undefined when there is none. @throws cut_over_failed */
export async function readInPlace(stateDirectory: string): Promise<InPlaceRecord | undefined> {
  const file = fileOf(stateDirectory);
  return await readRecord(
    file,
    inPlaceRecord,
    `The record ${file} of a restore in place cannot be read: see that the data is whole, and remove it.`,
  );
}

/** Whether a restore in place is not finished: the server must not be started. */
export async function inPlaceOpen(stateDirectory: string): Promise<boolean> {
  return (await readInPlace(stateDirectory)) !== undefined;
}

/** The restored server serves: nothing stands in the way of starting it any more, after a power cut neither. */
export async function closeInPlace(stateDirectory: string): Promise<void> {
  await removeDurably(fileOf(stateDirectory));
}

/** Once this returns, the record survives a power cut. */
export async function writeInPlace(stateDirectory: string, entry: InPlaceRecord): Promise<void> {
  await makeDirectory(path.dirname(fileOf(stateDirectory)), 0o700);
  await writeDurably(fileOf(stateDirectory), JSON.stringify(entry));
}
