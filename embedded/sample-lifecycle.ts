/** Starting and stopping sample servers. In between, their agents start again what has crashed. */
import { readFile } from 'node:fs/promises';
import type { AgentSettings } from '../config/agent.ts';
import { messageOf } from '../domain/errors.ts';
import { processStart } from '../mariadb/processes/record.ts';
import { startServer } from '../mariadb/server/lifecycle.ts';
import { endProcess } from './process-record.ts';
import type { SampleServer } from './sample-server.ts';

/**
 * Starts a sample server before its agent, so that the agent's first word of it is that it serves. One that runs
 * already is left alone. One that does not start is no reason to give up: a restore is what mends it.
 */
export async function startSampleServer(
  { service_id: id, server }: AgentSettings,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const quiet = (): void => undefined;
  try {
    await startServer(server, { signal, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } });
  } catch (error) {
    signal.throwIfAborted();
    say(`The server of ${id} does not start. Restore one of its backups. ${messageOf(error)}`);
  }
}

/**
 * Ends a sample server: cleanly within `graceMs`, by SIGKILL after that (it recovers at its next start). None running
 * is fine.
 */
export async function stopSampleServer(server: SampleServer, graceMs: number): Promise<void> {
  const pid = Number((await readFile(server.pidFile, 'utf8').catch(() => '')).trim());
  if (!Number.isInteger(pid) || pid <= 1) return;
  const started = processStart(pid);
  // The file outlives a server that was killed, and its process id may be somebody else's by now.
  if (started === undefined || !(await isServer(pid, server))) return;
  await endProcess({ pid, started }, graceMs);
}

async function isServer(pid: number, server: SampleServer): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  return commandLine === undefined || commandLine.includes(server.defaultsFile);
}
