/** Finds the processes that belong to a test run by what marks them: the run's folder in their environment. */
import { readdirSync, readFileSync } from 'node:fs';
import { runVariable } from './run.ts';

/** A process of a run, as the system's process table has it. */
export interface RunProcess {
  pid: number;
  /** The process that started it, if that is still there. */
  parent: number;
  /** The first 200 characters of its command line. */
  command: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended in between, or belongs to a user whose processes we may not read: then it is not ours.
    return '';
  }
}

/**
 * Every process, other than this one, that was started with the run's folder in its environment or names it in
 * its command line. Zombies, which have neither, do not count. Empty where there is no /proc.
 */
export function processesOfRun(folder: string): RunProcess[] {
  let pids: string[];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return pids.flatMap((pid) => {
    if (Number(pid) === process.pid) return [];
    const command = read(`/proc/${pid}/cmdline`);
    const environment = read(`/proc/${pid}/environ`).split('\0');
    // A program that the agent started sees little of the environment: TMPDIR is in it.
    const marked = [runVariable, 'TMPDIR'].some((name) => environment.includes(`${name}=${folder}`));
    if (!marked && !command.includes(`${folder}/`)) return [];
    const parent = Number(/^PPid:\t(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1]);
    return [{ pid: Number(pid), parent, command: command.replaceAll('\0', ' ').trim().slice(0, 200) }];
  });
}
