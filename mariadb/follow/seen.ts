/**
 * What was last seen of the server that is followed, in the agent's state directory: that data went back under binlogs
 * that go on as if nothing had happened shows in nothing else.
 */
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { removeDurably, writeDurably } from '../restore/files.ts';

const schema = z.object({
  timeline: z.string(),
  /** Left out where nobody can know. */
  life: z.string().exactOptional(),
  /** How far its redo log was synced: no crash takes it behind that. */
  lsn: z.number(),
  /** What was archived when the binlog was first seen switched off; left out while it is on. */
  offFrom: z.object({ file: z.string(), position: z.number(), gtid: z.string() }).exactOptional(),
});
export type Seen = z.infer<typeof schema>;

const fileOf = (stateDirectory: string): string => path.join(stateDirectory, 'seen.json');

/** Undefined where nothing is known, or cannot be read: then it is seen for the first time. */
export async function readSeen(stateDirectory: string): Promise<Seen | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(fileOf(stateDirectory), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeSeen(stateDirectory: string, seen: Seen): Promise<void> {
  await writeDurably(fileOf(stateDirectory), JSON.stringify(seen));
}

/** The data is about to be replaced by us: what is there next is no surprise. */
export async function forgetSeen(stateDirectory: string): Promise<void> {
  await removeDurably(fileOf(stateDirectory));
}
