/**
 * Restoring where the data is, for hosts without room for two copies. There is no way back once the data is emptied,
 * so a record says how far it went: half a data directory must never be started.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Log } from '../context.ts';
import { raiseGuard } from '../cutover/guard.ts';
import { listOpenJournals } from '../cutover/journal.ts';
import { settleOthers } from '../cutover/settle.ts';
import { matchesAny } from '../server/foreign.ts';
import { isThere, requireGone } from '../server/lifecycle.ts';
import { emptyDirectory } from './extract.ts';
import { makeDirectory, namesIn, writeDurably } from './files.ts';
import { createStaging, stagingInPlace, type Owner } from './staging.ts';

/** How long to look that nobody is there before the data is removed. */
const momentMs = 500;

const record = z.object({
  restoreId: z.number(),
  /** Whether the server accepted connections before. */
  served: z.boolean(),
  /** Whether files were removed, or are about to be. */
  emptied: z.boolean(),
});

export type InPlaceRecord = z.infer<typeof record>;

const fileOf = (stateDirectory: string): string => path.join(stateDirectory, 'journals', 'in-place.json');

/** The record of the restore in place that is not finished; undefined when there is none. */
export async function readInPlace(stateDirectory: string): Promise<InPlaceRecord | undefined> {
  const file = fileOf(stateDirectory);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return record.parse(JSON.parse(text));
  } catch (error) {
    throw new TidemarkError(
      'cut_over_failed',
      `The record ${file} of a restore in place cannot be read: see that the data is whole, and remove it. ` +
        messageOf(error),
      { cause: error },
    );
  }
}

/** Whether a restore in place is not finished: the server must not be started. */
export async function inPlaceOpen(stateDirectory: string): Promise<boolean> {
  return (await readInPlace(stateDirectory)) !== undefined;
}

/**
 * Notes, before the server is stopped, that a restore in place begins. May be repeated. A cut-over that was interrupted
 * is taken back first: later, that would move files of this restore.
 * @throws cut_over_failed when it cannot be taken back
 */
export async function beginInPlace(options: {
  server: ServerSettings;
  stateDirectory: string;
  restoreId: number;
  log: Log;
}): Promise<void> {
  const { server, stateDirectory, restoreId } = options;
  await settleOthers(options);
  const earlier = await readInPlace(stateDirectory);
  const served = earlier?.served ?? (await isThere(server));
  await write(stateDirectory, { restoreId, served, emptied: earlier?.emptied ?? false });
}

/** The restored server serves: nothing stands in the way of starting it any more. */
export async function closeInPlace(stateDirectory: string): Promise<void> {
  await rm(fileOf(stateDirectory), { force: true });
}

/**
 * Removes the server's files, wherever its layout has them. What is foreign stays, and so do the directories; a data
 * directory that is missing is made. The caller has stopped the server.
 * @throws server_stop_failed when it runs all the same; cut_over_failed while a cut-over is open
 */
export async function emptyData(options: {
  server: ServerSettings;
  layout: Layout;
  /** Of directories that are missing and have to be made. */
  owner: Owner;
  stateDirectory: string;
  restoreId: number;
  log: Log;
}): Promise<void> {
  const { server, layout, stateDirectory, restoreId, log } = options;
  await requireNoOpenCutOver(stateDirectory);
  await requireGone(server, momentMs);
  const earlier = await readInPlace(stateDirectory);
  await write(stateDirectory, { restoreId, served: earlier?.served ?? false, emptied: true });
  await raiseGuard(stateDirectory, restoreId);
  await createStaging(stagingInPlace(layout, restoreId), options.owner);
  for (const member of layout.members) {
    if (member.kind === 'data') await emptyDirectory(server, member.directory);
    else await removeFiles(member.directory, member.files);
  }
  log.info({ restoreId }, 'The data directory is emptied.');
}

async function requireNoOpenCutOver(stateDirectory: string): Promise<void> {
  const [open] = await listOpenJournals(stateDirectory);
  if (!open) return;
  throw new TidemarkError(
    'cut_over_failed',
    `The cut-over of restore ${open.restoreId} was interrupted and is not taken back yet. The agent does that by ` +
      'itself; its log says what stands in the way. Restore again when it is done.',
  );
}

async function removeFiles(directory: string, files: readonly string[]): Promise<void> {
  for (const name of (await namesIn(directory)).filter((entry) => matchesAny(entry, files))) {
    await rm(path.join(directory, name), { recursive: true, force: true });
  }
}

async function write(stateDirectory: string, entry: InPlaceRecord): Promise<void> {
  await makeDirectory(path.dirname(fileOf(stateDirectory)), 0o700);
  await writeDurably(fileOf(stateDirectory), JSON.stringify(entry));
}
