/** Starting and stopping sample servers. In between, their agents start again what has crashed. */
import { readFile } from 'node:fs/promises';
import type { AgentSettings } from '../config/agent.ts';
import { messageOf } from '../domain/errors.ts';
import { listOpenJournals } from '../mariadb/cutover/journal.ts';
import { processStart } from '../mariadb/processes/record.ts';
import { readInPlace } from '../mariadb/restore/in-place-record.ts';
import { findServerProcess, startServer } from '../mariadb/server/lifecycle.ts';
import { endProcess } from './process-record.ts';
import type { SampleServer } from './sample-server.ts';

/**
 * Starts a sample server before its agent, so that the agent's first word of it is that it serves. One that runs
 * already is left alone. One that does not start is no reason to give up: a restore is what mends it.
 *
 * After a restore that was interrupted it is not started: half a data directory lies there, or the new one's in place of
 * the old. The agent settles that first, and starts the server where it may run.
 */
export async function startSampleServer(
  { service_id: id, state_directory: state, server }: AgentSettings,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const quiet = (): void => undefined;
  try {
    const inPlace = await readInPlace(state);
    if (inPlace?.emptied) {
      say(
        `A restore in place has emptied the data of ${id}. The server starts once a restore to it is done.`,
      );
      return;
    }
    if (inPlace || (await listOpenJournals(state)).length > 0) {
      say(`A restore of ${id} was interrupted. Its agent settles that before the server starts.`);
      return;
    }
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
  const pid = (await fromPidFile(server)) ?? (await findWithoutPidFile(server));
  const started = pid === undefined ? undefined : processStart(pid);
  if (pid !== undefined && started !== undefined) await endProcess({ pid, started }, graceMs);
}

/** The file outlives a server that was killed, and its process id may be somebody else's by now. */
async function fromPidFile(server: SampleServer): Promise<number | undefined> {
  const pid = Number((await readFile(server.pidFile, 'utf8').catch(() => '')).trim());
  return Number.isInteger(pid) && pid > 1 && (await isServer(pid, server)) ? pid : undefined;
}

/** A server writes its pid file late in its start: one that is stopped before would go on without anybody. */
async function findWithoutPidFile(server: SampleServer): Promise<number | undefined> {
  // What its option file says, without the program that would read it: that may be gone.
  const options = new Map([
    ['datadir', server.dataDirectory],
    ['pid_file', server.pidFile],
  ]);
  return findServerProcess({ defaults_file: server.defaultsFile }, options);
}

async function isServer(pid: number, server: SampleServer): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (commandLine === undefined) return processStart(pid) !== undefined;
  return commandLine.includes(server.defaultsFile);
}
