/**
 * Every child process is written down while it lives, so that a later attempt can end what an earlier one left
 * behind when its agent was killed. A record holds the start time beside the pid: pids are used again, and a
 * stranger's process must never be ended.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { endGroup } from './groups.ts';

interface ProcessRecord {
  pid: number;
  /** When the process started, in whatever unit the system has; only compared for equality. */
  started: string;
  program: string;
}

const folderOf = (folder: string): string => path.join(folder, 'processes');

/** Writes down a process that was started in this very tick, so that no moment is left in which it could be lost. */
export function recordProcess(folder: string, pid: number, program: string): void {
  const started = processStart(pid);
  if (started === undefined) return;
  mkdirSync(folderOf(folder), { recursive: true, mode: 0o700 });
  const record: ProcessRecord = { pid, started, program };
  writeFileSync(path.join(folderOf(folder), `${pid}.json`), JSON.stringify(record), { mode: 0o600 });
}

/** Strikes out a process that has ended. */
export function forgetProcess(folder: string, pid: number): void {
  rmSync(path.join(folderOf(folder), `${pid}.json`), { force: true });
}

/**
 * Ends the processes that an earlier attempt left in `folder`, each with its whole group, and waits until they are
 * gone.
 * @returns how many were still running
 */
export async function endLeftovers(folder: string): Promise<number> {
  const records = await readRecords(folder);
  const running = records.filter(({ record }) => isRunning(record.pid, record.started));
  await Promise.all(
    running.map(({ record }) => endGroup(record.pid, () => !isRunning(record.pid, record.started))),
  );
  await Promise.all(records.map(({ file }) => rm(file, { force: true })));
  return running.length;
}

async function readRecords(folder: string): Promise<{ file: string; record: ProcessRecord }[]> {
  const found: { file: string; record: ProcessRecord }[] = [];
  let names: string[];
  try {
    names = await readdir(folderOf(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  for (const name of names.filter((entry) => entry.endsWith('.json'))) {
    const file = path.join(folderOf(folder), name);
    const record = parseRecord(await readFile(file, 'utf8').catch(() => ''));
    if (record) found.push({ file, record });
  }
  return found;
}

/** A record that was cut short by a crash of the machine says nothing; its process is gone with the machine. */
function parseRecord(text: string): ProcessRecord | undefined {
  try {
    const value = JSON.parse(text) as Partial<ProcessRecord>;
    const { pid, started, program = '' } = value;
    if (typeof pid === 'number' && pid > 1 && typeof started === 'string') return { pid, started, program };
  } catch {
    // Falls through: not JSON.
  }
  return undefined;
}

/** Whether the process of this pid is the one that started then, and not yet dead. */
export function isRunning(pid: number, started: string): boolean {
  return processStart(pid) === started;
}

/**
 * When a process started; undefined when there is none, or only a zombie that waits to be collected.
 * On Linux in clock ticks since boot, from `/proc/<pid>/stat`; elsewhere the text of `ps`.
 */
export function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return startFromPs(pid);
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold anything: count from its end.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : rest[18];
}

function startFromPs(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text === '' || text.startsWith('Z') ? undefined : text.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}
