/**
 * How many incrementals of a chain a copy has, and whether binlogs were replayed onto it. What is being applied changes
 * files everywhere in the copy: if that was interrupted, nobody can say what the copy is, and it is made anew from the
 * full.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeDurably } from './files.ts';

const replayed = z.strictObject({
  reached: z.strictObject({
    file: z.string(),
    position: z.int(),
    gtid: z.string(),
    timeline: z.string(),
    notAfter: z.string().exactOptional(),
  }),
  transactions: z.int(),
  way: z.enum(['relay', 'pipe']),
  warnings: z.array(z.string()),
});
/** What a replay has come to. */
export type Replayed = z.infer<typeof replayed>;

const record = z.union([
  z.strictObject({ applied: z.int() }),
  z.strictObject({ applying: z.int() }),
  z.strictObject({ replaying: z.literal(true) }),
  z.strictObject({ replayed }),
]);
type AppliedRecord = z.infer<typeof record>;

const fileOf = (folder: string): string => path.join(folder, 'chain.json');

/** @returns how many were applied; undefined when the copy is not whole */
export async function appliedTo(folder: string): Promise<number | undefined> {
  const found = await readRecord(folder);
  return found && 'applied' in found ? found.applied : undefined;
}

/** @returns undefined where nothing was replayed to its end */
export async function replayedTo(folder: string): Promise<Replayed | undefined> {
  const found = await readRecord(folder);
  return found && 'replayed' in found ? found.replayed : undefined;
}

async function readRecord(folder: string): Promise<AppliedRecord | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(fileOf(folder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
  return record.safeParse(content).data;
}

export async function markApplying(folder: string, number: number): Promise<void> {
  await writeDurably(fileOf(folder), JSON.stringify({ applying: number }));
}

/** @param number how many of the chain are in the copy now; 0: its full is prepared */
export async function markApplied(folder: string, number: number): Promise<void> {
  await writeDurably(fileOf(folder), JSON.stringify({ applied: number }));
}

export async function markReplaying(folder: string): Promise<void> {
  await writeDurably(fileOf(folder), JSON.stringify({ replaying: true }));
}

export async function markReplayed(folder: string, found: Replayed): Promise<void> {
  await writeDurably(fileOf(folder), JSON.stringify({ replayed: found }));
}

/** The copy is made anew. */
export async function forgetApplied(folder: string): Promise<void> {
  await rm(fileOf(folder), { force: true });
}
