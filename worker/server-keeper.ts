/** Keeps the server running where the settings ask the agent to. */
import type { Host } from '../activities/host/host.ts';
import { listOpenJournals } from '../mariadb/cutover/journal.ts';
import { inPlaceOpen } from '../mariadb/restore/in-place-record.ts';
import { superviseServer } from '../mariadb/server/lifecycle.ts';

export async function keepServerRunning(host: Host, signal: AbortSignal): Promise<void> {
  const { server, state_directory: stateDirectory } = host.settings;
  if (server.control.kind !== 'direct' || !server.control.keep_running) return;
  await superviseServer({
    server,
    log: host.log,
    signal,
    // What a swap or a restore in place has stopped must stay stopped, also between its steps.
    isPaused: async () =>
      (await listOpenJournals(stateDirectory)).length > 0 || (await inPlaceOpen(stateDirectory)),
    inTurn: (work) => host.turn.take(work),
  });
}
