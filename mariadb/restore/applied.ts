/**
 * How many incrementals of a chain a copy has. One that is being applied changes files everywhere in the copy: if that
 * was interrupted, nobody can say what the copy is, and it is made anew from the full.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeDurably } from './files.ts';

const record = z.union([z.strictObject({ applied: z.int() }), z.strictObject({ applying: z.int() })]);

const fileOf = (folder: string): string => path.join(folder, 'chain.json');

/** @returns how many were applied; undefined when the copy is not whole */
export async function appliedTo(folder: string): Promise<number | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(fileOf(folder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
  const found = record.safeParse(content).data;
  return found && 'applied' in found ? found.applied : undefined;
}

export async function markApplying(folder: string, number: number): Promise<void> {
  await writeDurably(fileOf(folder), JSON.stringify({ applying: number }));
}

/** @param number how many of the chain are in the copy now; 0: its full is prepared */
export async function markApplied(folder: string, number: number): Promise<void> {
  await writeDurably(fileOf(folder), JSON.stringify({ applied: number }));
}

/** The copy is made anew. */
export async function forgetApplied(folder: string): Promise<void> {
  await rm(fileOf(folder), { force: true });
}
