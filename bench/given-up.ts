/** Giving a benchmark up in its middle: what it started is taken down then. */
import { aborted } from '../embedded/signals.ts';

/** Nobody reads any more what is said, as behind `| head`. */
class Unheard extends Error {
  constructor() {
    super('Stopped: nobody reads what it says.');
  }
}

/** Aborts when a reader of stdout or stderr has gone. */
export function unheard(): AbortSignal {
  const controller = new AbortController();
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', () => controller.abort(new Unheard()));
  return controller.signal;
}

/** What comes of some work, or the signal's reason, whichever is first. The work may go on: whoever started servers for it stops them. */
export async function unlessGivenUp<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return await Promise.race([work(), aborted(signal).then(() => Promise.reject(signal.reason as Error))]);
}
