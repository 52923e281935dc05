/** SIGTERM and SIGINT, once: the process ends in order. */
import type { Log } from '../domain/log.ts';

export function onStopSignal(log: Log): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'Stopping.');
      stop.abort();
    });
  }
  return stop.signal;
}
