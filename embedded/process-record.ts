/** Records of processes on disk, by which a later start finds, and ends, what an earlier one left behind. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, processStart } from '../mariadb/processes/record.ts';

/** A process id alone says little, since ids come again; together with the start it names one process. */
export interface ProcessRecord {
  pid: number;
  started: string;
}

export function isAlive(record: ProcessRecord): boolean {
  return isRunning(record.pid, record.started);
}

/** Writes a record; a process that is gone already leaves none. */
export async function writeRecord(file: string, pid: number): Promise<void> {
  const started = processStart(pid);
  if (started !== undefined) await writeFile(file, `${JSON.stringify({ pid, started })}\n`, { mode: 0o600 });
}

/** The record in a file; undefined when there is no file, or only half of one. */
export async function readRecord(file: string): Promise<ProcessRecord | undefined> {
  try {
    const { pid, started } = JSON.parse(await readFile(file, 'utf8')) as Partial<ProcessRecord>;
    return typeof pid === 'number' && pid > 1 && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

export async function removeRecord(file: string): Promise<void> {
  await rm(file, { force: true });
}

/**
 * Ends a recorded process: SIGTERM to it, and when `graceMs` have passed SIGKILL to its whole group. Resolves when
 * it is gone; one that is gone already, or whose id belongs to another process by now, is left alone.
 */
export async function endProcess(record: ProcessRecord, graceMs: number): Promise<void> {
  if (!isAlive(record)) return;
  signal(record.pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isAlive(record) && Date.now() < deadline) await sleep(20);
  if (!isAlive(record)) return;
  // Not every process leads a group: a server that was started by hand may not.
  signal(-record.pid, 'SIGKILL');
  signal(record.pid, 'SIGKILL');
  while (isAlive(record)) await sleep(20);
}

/** A process that is gone by the time it is signalled is what was wanted. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
