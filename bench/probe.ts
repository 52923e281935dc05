/** Watches a server from outside, as a client would: for how long does it not let anybody in? */
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mariadb';

const everyMs = 20;

export interface Probe {
  /** Ends the watch. @returns the longest time between two successful connections, in milliseconds */
  stop(): Promise<number>;
}

export function watchServer(socket: string, user: string): Probe {
  const stopping = new AbortController();
  let longest = 0;
  const watch = async (): Promise<void> => {
    let last = performance.now();
    while (!stopping.signal.aborted) {
      if (await letsIn(socket, user)) {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
      }
      await sleep(everyMs);
    }
    longest = Math.max(longest, performance.now() - last);
  };
  const watching = watch();
  return {
    stop: async () => {
      stopping.abort();
      await watching;
      return longest;
    },
  };
}

async function letsIn(socketPath: string, user: string): Promise<boolean> {
  try {
    const connection = await createConnection({ socketPath, user, connectTimeout: 1_000 });
    await connection.end();
    return true;
  } catch {
    return false;
  }
}
