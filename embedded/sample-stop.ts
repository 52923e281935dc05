/** Stopping what the agents started for the samples: their servers. */
import { readFile } from 'node:fs/promises';
import { processStart } from '../mariadb/processes/record.ts';
import { endProcess } from './process-record.ts';
import type { SampleServer } from './sample-server.ts';

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
