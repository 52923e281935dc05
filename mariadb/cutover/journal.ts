/**
 * The journal of a cut-over: what was begun, on disk, before it is begun. Whatever kills the agent, the next one
 * reads from it how to bring the old data back.
 *
 * One file a restore, `<state directory>/journals/restore-<id>.json`. It is replaced whole and synced at each step.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { memberKinds } from '../../domain/layout.ts';
import { writtenFates } from '../../domain/undo.ts';
import { makeDirectory, namesIn, readRecord, writeDurably } from '../restore/files.ts';
import { inPlaceRecord } from '../restore/in-place-record.ts';

/** The steps of a cut-over in their order. */
export const steps = ['begin', 'stop', 'aside', 'in', 'own', 'start', 'check', 'commit'] as const;
export type Step = (typeof steps)[number];

/** The steps that take it back, in their order. */
export const undoSteps = ['stop', 'out', 'back', 'start'] as const;
export type UndoStep = (typeof undoSteps)[number];

const member = z.object({
  kind: z.enum(memberKinds),
  live: z.string(),
  incoming: z.string(),
  previous: z.string(),
  folder: z.string(),
  renamed: z.boolean(),
  files: z.array(z.string()),
  /** There was no such directory before the restore, and there is none again when it is taken back. */
  missing: z.boolean(),
  /** Names at the top that are not the server's and are not moved; only where entries are. */
  foreign: z.array(z.string()),
  /** What the new directory gets: those of the old one. */
  uid: z.number(),
  gid: z.number(),
  mode: z.number(),
});

const journal = z.object({
  format: z.literal(1),
  restoreId: z.number(),
  /** The restore's workflow: another catalog may give the same number again. */
  workflowId: z.string(),
  /** `obsolete`: it was interrupted, and a later restore has replaced the data since: nothing is moved any more. */
  state: z.enum(['open', 'committed', 'rolled_back', 'obsolete']),
  /** The last step that was begun. */
  step: z.enum(steps),
  /** The last step of taking it back that was begun; left out while it goes forward. */
  undo: z.enum(undoSteps).optional(),
  /** Whether the server accepted connections before. */
  served: z.boolean(),
  /**
   * What was known of a restore in place that had not finished when this one began: the commit closes that record, and
   * what it says is true again when the old data is back.
   */
  inPlace: inPlaceRecord.optional(),
  members: z.array(member),
  /** Device and inode of the new data's `mysql` folder: what tells the new data from the old. */
  newData: z.string(),
  beganAt: z.string(),
  notServingMs: z.number().optional(),
  committedAt: z.string().optional(),
  /** When the replaced data may be removed, in milliseconds since 1970. */
  keepUntil: z.number().optional(),
  /** What became of the replaced data. `removing` is written before the first file goes. */
  previous: z.enum(['kept', 'removing', 'removed']).optional(),
  /** The binlog that the restored server began with, by which it is seen whether it has written since. */
  binlog: z.object({ file: z.string(), head: z.string() }).optional(),
  /**
   * Somebody asked for it to be undone. While the state is `committed`, nothing was moved yet and the restored data is
   * to go on; from `open` on, the replaced data goes back.
   */
  undoing: z
    .object({
      /** The undo's own workflow. */
      workflowId: z.string(),
      /** Whether the server was there when it was stopped for this. */
      served: z.boolean(),
      /** Since when it does not serve, in milliseconds since 1970. */
      notServingSince: z.number().optional(),
      /** Written once the replaced data serves. */
      notServingMs: z.number().optional(),
      /** What became of what was written since the restore, as far as known when the server had stopped. */
      written: z.enum(writtenFates).optional(),
    })
    .optional(),
  /** What the restore had put there, set aside once it is undone; `removing` is written before the first file goes. */
  restored: z
    .object({
      fate: z.enum(['kept', 'removing', 'removed']),
      /** Since when it lies there, and until when at the latest, in milliseconds since 1970. */
      since: z.number(),
      keepUntil: z.number(),
    })
    .optional(),
});

export type Journal = z.infer<typeof journal>;
export type JournalMember = z.infer<typeof member>;

const folderOf = (stateDirectory: string): string => path.join(stateDirectory, 'journals');
const fileOf = (stateDirectory: string, restoreId: number): string =>
  path.join(folderOf(stateDirectory), `restore-${restoreId}.json`);

/** Whether the cut-over had begun this step. */
export function reached(entry: Journal, step: Step): boolean {
  return steps.indexOf(entry.step) >= steps.indexOf(step);
}

/** The journal of a restore, or undefined when its cut-over never began. @throws cut_over_failed when it is unreadable */
export async function readJournal(stateDirectory: string, restoreId: number): Promise<Journal | undefined> {
  const file = fileOf(stateDirectory, restoreId);
  return await readRecord(
    file,
    journal,
    `The journal ${file} cannot be read, so that nobody knows where the server's files are: look at it, put the ` +
      'files back by hand and remove it.',
  );
}

/** Replaces the journal. Once this returns, it survives a power cut. */
export async function writeJournal(stateDirectory: string, entry: Journal): Promise<void> {
  await makeDirectory(folderOf(stateDirectory), 0o700);
  await writeDurably(fileOf(stateDirectory, entry.restoreId), JSON.stringify(entry, undefined, 2));
}

export async function removeJournal(stateDirectory: string, restoreId: number): Promise<void> {
  await rm(fileOf(stateDirectory, restoreId), { force: true });
}

/** All journals, the oldest restore first. */
export async function listJournals(stateDirectory: string): Promise<Journal[]> {
  const ids = (await namesIn(folderOf(stateDirectory)))
    .map((name) => /^restore-(\d+)\.json$/.exec(name)?.[1])
    .filter((id) => id !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  const found: Journal[] = [];
  for (const id of ids) {
    const entry = await readJournal(stateDirectory, id);
    if (entry) found.push(entry);
  }
  return found;
}

/** The journals of cut-overs, and of their undoing, that are under way, or were interrupted. */
export async function listOpenJournals(stateDirectory: string): Promise<Journal[]> {
  return (await listJournals(stateDirectory)).filter((entry) => entry.state === 'open' || beginsUndo(entry));
}

/** Whether a restore is about to be undone, and nothing was moved for it yet. */
export function beginsUndo({ state, undoing }: Journal): boolean {
  return state === 'committed' && undoing !== undefined;
}
