/** Ending whole process groups, in the one order that works for every program used here. */
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a program may take to end itself after SIGINT. */
const graceMs = 5_000;

/** Sends a signal to a process group; one that is gone already is fine. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Ends a process group: SIGINT, a wait, SIGKILL, and a wait until `gone` says so. Not SIGTERM: mariadb-backup
 * ignores it.
 */
export async function endGroup(pid: number, gone: () => boolean): Promise<void> {
  if (gone()) return;
  signalGroup(pid, 'SIGINT');
  if (await waitUntil(gone, graceMs)) return;
  signalGroup(pid, 'SIGKILL');
  // A killed process can stay for as long as the kernel waits for a disk; nothing may go on beside it.
  while (!(await waitUntil(gone, graceMs))) signalGroup(pid, 'SIGKILL');
}

async function waitUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  for (let pauseMs = 5; !condition(); pauseMs = Math.min(pauseMs * 2, 100)) {
    if (Date.now() >= end) return false;
    await sleep(pauseMs);
  }
  return true;
}
