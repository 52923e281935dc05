/** Ctrl-C and SIGTERM, as one promise. */

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP. Later ones are taken without effect: npm passes on the very
 * Ctrl-C that the terminal has sent here already, and stopping must not be cut short by it.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => controller.abort(new Interrupted(name)));
  return controller.signal;
}

/** Why something ended before it was done: somebody wanted it so. */
export class Interrupted extends Error {
  constructor(signal: string) {
    super(`Stopped by ${signal}.`);
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
