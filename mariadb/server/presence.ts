/**
 * Whether a server is there at all. One sign alone misleads: an agent in a container of its own, or where /proc is
 * hidden, sees no process of a server that serves; a server that starts or ends does not answer. Files may be moved
 * only where both signs are missing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { listens } from './greeting.ts';
import { readServerOptions, type ServerOptions } from './options.ts';
import { findServerProcess } from './process.ts';

const lookMs = 100;

/** Whether a server holds its socket or has a process: it runs, starts, or has not ended yet. */
export async function isThere(server: ServerSettings): Promise<boolean> {
  const options = await readServerOptions(server);
  return (
    (await listens(options.get('socket') ?? '')) || (await findServerProcess(server, options)) !== undefined
  );
}

/**
 * Sees to it that nobody is there, and that nobody comes back while it looks.
 * @param forMs how long to look; 0: one look
 * @throws server_stop_failed
 */
export async function requireGone(
  server: ServerSettings,
  forMs: number,
  known?: ServerOptions,
): Promise<void> {
  const options = known ?? (await readServerOptions(server));
  const end = Date.now() + forMs;
  await requireNobody(server, options);
  while (Date.now() < end) {
    await sleep(lookMs);
    await requireNobody(server, options);
  }
}

async function requireNobody(server: ServerSettings, options: ServerOptions): Promise<void> {
  const pid = await findServerProcess(server, options);
  if (pid !== undefined) {
    throw new TidemarkError(
      'server_stop_failed',
      `The database server runs (process ${pid}), or runs again, though it was stopped. Stop it by hand; if a ` +
        'supervisor starts it again, let server.control name that supervisor.',
    );
  }
  const socket = options.get('socket') ?? '';
  if (await listens(socket)) throw unseen(`A server answers at ${socket}`);
}

/** What to do about a server that runs where the agent sees no process of it. */
export function unseen(what: string): TidemarkError {
  return new TidemarkError(
    'server_stop_failed',
    `${what}, but the agent sees no process of it and cannot be sure that it stops. Let the agent see the ` +
      "host's processes (a container needs `pid: host`, /proc must not be mounted with hidepid), or stop the " +
      'server by hand.',
  );
}
