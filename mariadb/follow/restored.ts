/**
 * The note that a restore leaves for whoever follows the binlog: from which place of which timeline the data is that was
 * put in place. Written before anything is replaced; whether it was is read off the journals.
 */
import path from 'node:path';
import { z } from 'zod';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import { comparePlaces } from '../../domain/archive/stretches.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { readJournal } from '../cutover/journal.ts';
import { makeDirectory, readRecord, removeDurably, writeDurably } from '../restore/files.ts';
import { readInPlace } from '../restore/in-place-record.ts';

const schema = z.object({
  restoreId: z.number(),
  workflowId: z.string(),
  mode: z.enum(['side-by-side', 'in-place']),
  /** Where in the binlogs of this service the data is; left out where it is another's, or had none. */
  branch: z.object({ file: z.string(), position: z.number(), gtid: z.string() }).exactOptional(),
  /** Of these; left out where the backup does not say it. */
  timeline: z.string().exactOptional(),
  /** Where the binlog of what is replaced ended, once its server was stopped; left out while nobody looked. */
  replaced: z.object({ file: z.string(), position: z.number() }).exactOptional(),
  /** When it began. */
  at: z.string(),
});
export type RestoredNote = z.infer<typeof schema>;

const fileOf = (stateDirectory: string): string => path.join(stateDirectory, 'restored.json');

/**
 * Once this returns, it survives a power cut. May be repeated: of what is replaced it keeps the latest end that was told,
 * because some of the files may be gone by then.
 */
export async function noteRestore(stateDirectory: string, note: Omit<RestoredNote, 'at'>): Promise<void> {
  const { restoreId, workflowId, replaced: end, ...rest } = note;
  const journal = await readJournal(stateDirectory, restoreId);
  // Then it was read already, maybe.
  if (journal?.workflowId === workflowId && journal.state === 'committed') return;
  await makeDirectory(stateDirectory, 0o700);
  const told = (await noteOf(stateDirectory, workflowId))?.replaced;
  const replaced = told && (!end || comparePlaces(told, end) > 0) ? told : end;
  await write(stateDirectory, {
    restoreId,
    workflowId,
    ...rest,
    ...(replaced && { replaced }),
    at: new Date().toISOString(),
  });
}

/**
 * Where the binlog of what this restore replaces ends, now that its server is stopped: the server may have written since
 * an earlier attempt. Nothing is noted where there is no note of this restore.
 *
 * @param replaced undefined where it is not known
 */
export async function noteEnd(
  stateDirectory: string,
  workflowId: string,
  replaced: BinlogPoint | undefined,
): Promise<void> {
  const note = await noteOf(stateDirectory, workflowId);
  if (!note) return;
  const { replaced: _, ...rest } = note;
  await write(stateDirectory, { ...rest, ...(replaced && { replaced }) });
}

/** One that cannot be read is nobody's: it keeps no restore from being noted. */
async function noteOf(stateDirectory: string, workflowId: string): Promise<RestoredNote | undefined> {
  const note = await readNote(stateDirectory).catch(() => undefined);
  return note?.workflowId === workflowId ? note : undefined;
}

async function write(stateDirectory: string, note: RestoredNote): Promise<void> {
  await writeDurably(fileOf(stateDirectory), JSON.stringify(note));
}

/** It has a timeline, or the data was put back. */
export async function forgetRestore(stateDirectory: string): Promise<void> {
  await removeDurably(fileOf(stateDirectory));
}

/** As `forgetRestore`, where the note is of this restore: what it was to replace goes on. */
export async function forgetRestoreOf(stateDirectory: string, workflowId: string): Promise<void> {
  const note = await readNote(stateDirectory);
  if (note?.workflowId === workflowId) await forgetRestore(stateDirectory);
}

/**
 * The restore that no timeline was begun for yet; undefined where there is none, or what it replaced is back.
 *
 * @throws archive_failed while it is not decided
 */
export async function restoredSince(stateDirectory: string): Promise<RestoredNote | undefined> {
  const note = await readNote(stateDirectory);
  if (!note) return undefined;
  switch (await outcomeOf(stateDirectory, note)) {
    case 'open':
      throw new TidemarkError(
        'archive_failed',
        `Restore ${note.restoreId} is replacing the server's data: its binlog is followed again afterwards.`,
      );
    case 'taken_back':
      await forgetRestore(stateDirectory);
      return undefined;
    case 'done':
      return note;
  }
}

async function readNote(stateDirectory: string): Promise<RestoredNote | undefined> {
  const file = fileOf(stateDirectory);
  return await readRecord(file, schema, `The note ${file} of a restore cannot be read: remove it.`);
}

async function outcomeOf(
  stateDirectory: string,
  { restoreId, workflowId, mode }: RestoredNote,
): Promise<'open' | 'done' | 'taken_back'> {
  if (mode === 'in-place') {
    const record = await readInPlace(stateDirectory);
    return record?.restoreId === restoreId ? 'open' : 'done';
  }
  const journal = await readJournal(stateDirectory, restoreId);
  if (journal?.workflowId !== workflowId) return 'taken_back';
  if (journal.state === 'open') return 'open';
  return journal.state === 'committed' ? 'done' : 'taken_back';
}
