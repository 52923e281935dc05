/** Beginning a run of a schedule by hand. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Triggers a run until one has begun: one that is due in the second in which the last began counts as covered by it,
 * and Temporal leaves one out while it thinks that the last is open.
 *
 * @param began the id of the backup that the run takes, once there is one
 */
export async function beginRun(
  trigger: () => Promise<void>,
  began: () => Promise<string | undefined>,
): Promise<string> {
  const end = Date.now() + 180_000;
  while (Date.now() < end) {
    await trigger();
    for (const again = Date.now() + 10_000; Date.now() < again; await sleep(100)) {
      const backupId = await began();
      if (backupId !== undefined) return backupId;
    }
  }
  throw new Error('no run began in time');
}
