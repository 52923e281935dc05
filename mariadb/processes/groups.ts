/** Ending whole process groups, in the one order that works for every program used here. */
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a program may take to end itself after SIGINT. */
const graceMs = 5_000;

/** How long the kernel and init may take to clear away what was killed. */
const clearMs = 2_000;

/** Sends a signal to a process group; false when nobody is left in it. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/**
 * Ends a process group: SIGINT, a wait, SIGKILL, and a wait until `gone` says that its leader has ended. What the
 * leader had started and left alive is killed then. Not SIGTERM: mariadb-backup ignores it.
 */
export async function endGroup(pid: number, gone: () => boolean): Promise<void> {
  if (gone()) return;
  signalGroup(pid, 'SIGINT');
  if (!(await waitUntil(gone, graceMs))) {
    // A killed process can stay for as long as the kernel waits for a disk; nothing may go on beside it.
    do signalGroup(pid, 'SIGKILL');
    while (!(await waitUntil(gone, graceMs)));
  }
  // The group's number is not given to anyone else while somebody is in it. Zombies count: hence the limit.
  await waitUntil(() => !signalGroup(pid, 'SIGKILL'), clearMs);
}

async function waitUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  for (let pauseMs = 5; !condition(); pauseMs = Math.min(pauseMs * 2, 100)) {
    if (Date.now() >= end) return false;
    await sleep(pauseMs);
  }
  return true;
}
