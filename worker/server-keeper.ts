/** Keeps the server running where the settings ask the agent to. */
import type { Host } from '../activities/host/host.ts';
import { listOpenJournals } from '../mariadb/cutover/journal.ts';
import { inPlaceOpen } from '../mariadb/restore/in-place.ts';
import { superviseServer } from '../mariadb/server/lifecycle.ts';

export async function keepServerRunning(host: Host, signal: AbortSignal): Promise<void> {
  const { server, state_directory: stateDirectory } = host.settings;
  if (server.control.kind !== 'direct' || !server.control.keep_running) return;
  await superviseServer({
    server,
    log: host.log,
    signal,
    // A restore has the server in hand: what it stopped must stay stopped, also between its steps.
    isPaused: async () =>
      [...host.attempts.keys()].some((operation) => operation.startsWith('restore-')) ||
      (await listOpenJournals(stateDirectory)).length > 0 ||
      (await inPlaceOpen(stateDirectory)),
  });
}
