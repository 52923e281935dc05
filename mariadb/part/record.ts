/**
 * What is known on disk of a part that is being brought back: what was made on the running server, before it is made.
 * Whatever ends the work, the next attempt finds from it what is to be taken away, or what is left to do.
 */
import path from 'node:path';
import { z } from 'zod';
import { makeDirectory, readRecord, writeDurably } from '../restore/files.ts';

const definition = z.object({
  name: z.string(),
  statement: z.string(),
  sqlMode: z.string(),
  characterSet: z.string(),
  collation: z.string(),
  timeZone: z.string().optional(),
});

const trigger = definition.extend({
  table: z.string(),
  definer: z.string(),
  when: z.string(),
  /** Its name as long as the one of before is there. */
  staged: z.string(),
});

/** A foreign key that is made once the tables are in their places. */
const foreignKey = z.object({
  database: z.string(),
  table: z.string(),
  name: z.string(),
  /** What ALTER TABLE adds. */
  text: z.string(),
  /** The name that it has until then. */
  staged: z.string().optional(),
});

const partDatabase = z.object({
  /** In the copy, and on the running server. */
  from: z.string(),
  into: z.string(),
  /** Where its tables are loaded. */
  scratch: z.string(),
  /** The restore made it. */
  created: z.boolean(),
  characterSet: z.string(),
  collation: z.string(),
  /** Sequences where there were none before: made in their place at once. */
  early: z.array(z.string()),
  /** What is loaded: its name, and the one that it has in `into` until the exchange. */
  incoming: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['table', 'sequence']),
      staged: z.string(),
      bytes: z.number(),
    }),
  ),
  /** What is there now and is exchanged: moved out of the way under another name, then dropped. */
  replaced: z.array(
    z.object({ name: z.string(), kind: z.enum(['table', 'sequence', 'view']), aside: z.string() }),
  ),
  triggers: z.array(trigger),
  /** Between tables that come back. */
  inner: z.array(foreignKey),
  /** From them to tables that do not. */
  outer: z.array(foreignKey),
  /** From tables that do not come back to ones that are replaced: they follow those out of the way. */
  children: z.array(foreignKey),
  views: z.array(definition),
  routines: z.array(definition.extend({ kind: z.string() })),
  events: z.array(definition),
  /** What is there now and not in the copy, of a database that comes back as a whole. */
  dropped: z.array(z.object({ kind: z.string(), name: z.string() })),
});

const partRecord = z.object({
  format: z.literal(1),
  /** The restore's workflow: another catalog may give the same number again. */
  workflowId: z.string(),
  /** `exchanging`: written before tables change places. `exchanged`: there is no way back. `done`: nothing is left to do. */
  state: z.enum(['loading', 'loaded', 'exchanging', 'exchanged', 'done']),
  databases: z.array(partDatabase),
  warnings: z.array(z.string()),
});

export type PartDatabase = z.infer<typeof partDatabase>;
export type PartRecord = z.infer<typeof partRecord>;

export const partFile = (folder: string): string => path.join(folder, 'part.json');

/** @param folder of the operation. @returns undefined where nothing was begun. @throws cut_over_failed when it is unreadable */
export async function readPart(folder: string): Promise<PartRecord | undefined> {
  const file = partFile(folder);
  return await readRecord(
    file,
    partRecord,
    `The record ${file} of what is being brought back cannot be read: databases whose names begin with tidemark_ may be ` +
      'left on the server; drop them, then remove the file.',
  );
}

/** Once this returns, it survives a power cut. */
export async function writePart(folder: string, record: PartRecord): Promise<void> {
  await makeDirectory(folder, 0o700);
  await writeDurably(partFile(folder), JSON.stringify(record));
}
