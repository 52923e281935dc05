/**
 * Restoring where the data is, for hosts without room for two copies. There is no way back once the data is emptied,
 * so a record says how far it went: half a data directory must never be started.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Log } from '../context.ts';
import { raiseGuard } from '../cutover/guard.ts';
import { listOpenJournals } from '../cutover/journal.ts';
import { settleOthers } from '../cutover/settle.ts';
import { matchesAny } from '../server/foreign.ts';
import { isThere, requireGone } from '../server/lifecycle.ts';
import { emptyDirectory } from './extract.ts';
import { namesIn } from './files.ts';
import { readInPlace, writeInPlace } from './in-place-record.ts';
import { createStaging, stagingInPlace, type Owner } from './staging.ts';

/** How long to look that nobody is there before the data is removed. */
const momentMs = 500;

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
  await writeInPlace(stateDirectory, { restoreId, served, emptied: earlier?.emptied ?? false });
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
  /** Called once there is no way back, before the first file goes. May be called again. */
  beforeRemoval?: (() => Promise<void>) | undefined;
}): Promise<void> {
  const { server, layout, stateDirectory, restoreId, log } = options;
  await requireNoOpenCutOver(stateDirectory);
  await requireGone(server, momentMs);
  const earlier = await readInPlace(stateDirectory);
  await writeInPlace(stateDirectory, { restoreId, served: earlier?.served ?? false, emptied: true });
  await options.beforeRemoval?.();
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
