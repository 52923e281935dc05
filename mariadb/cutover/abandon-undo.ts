/** Giving an undo up of which nothing was moved yet. */
import type { ServerSettings } from '../../config/agent.ts';
import type { Log } from '../context.ts';
import { isServing, startServer } from '../server/lifecycle.ts';
import { lowerGuard } from './guard.ts';
import { type Journal, writeJournal } from './journal.ts';
import { resetFlushing } from './roll-back.ts';

/**
 * Lets the restored data go on, of which nothing was moved yet. A server that was not stopped goes on with its own
 * settings.
 *
 * @throws server_start_failed; the next call goes on
 */
export async function abandonUndo(
  journal: Journal,
  { server, stateDirectory, log }: { server: ServerSettings; stateDirectory: string; log: Log },
): Promise<void> {
  const { undoing } = journal;
  await lowerGuard(stateDirectory);
  if (await isServing(server)) await resetFlushing(server).catch(() => undefined);
  else if (undoing?.served) await startServer(server, { log });
  await forgetUndo(journal, stateDirectory);
  log.warn({ restoreId: journal.restoreId }, 'A restore was not undone; its data goes on.');
}

/** The journal is that of a restore again, which nobody undoes. */
export async function forgetUndo(
  { undoing: _, ...committed }: Journal,
  stateDirectory: string,
): Promise<void> {
  await writeJournal(stateDirectory, committed);
}
