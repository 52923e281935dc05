/** Room while a drill goes on: what it needs is an estimate, and the server beside it must not run out of room for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { freeBytes } from '../../mariadb/restore/room.ts';
import type { Host } from '../host/host.ts';
import { settingsOf } from './plan.ts';

const lookMs = 1_000;

/**
 * Does the work of a drill, and looks at once and each second whether `restore.min_free` is left beside it.
 *
 * @throws disk_full, with which the work is called off, as soon as there is less; whatever `work` throws
 */
export async function whileThereIsRoom<T>(
  host: Host,
  trial: Attempt,
  work: (trial: Attempt) => Promise<T>,
): Promise<T> {
  const short = new AbortController();
  const ended = new AbortController();
  const looking = look(host, ended.signal).catch((error: unknown) => {
    if (!ended.signal.aborted) short.abort(error);
  });
  try {
    return await work({ ...trial, signal: AbortSignal.any([trial.signal, short.signal]) });
  } catch (error) {
    throw short.signal.aborted ? short.signal.reason : error;
  } finally {
    ended.abort();
    await looking;
  }
}

async function look(host: Host, signal: AbortSignal): Promise<void> {
  for (;;) {
    await requireLeft(host);
    await sleep(lookMs, undefined, { signal });
  }
}

async function requireLeft(host: Host): Promise<void> {
  const { directory } = settingsOf(host);
  const left = host.settings.restore.min_free;
  const free = await freeBytes(directory);
  if (free >= left) return;
  throw new TidemarkError(
    'disk_full',
    `The drill was ended: ${free} bytes are free on the file system of ${directory}, where ${left} are to stay free ` +
      `(restore.min_free). Free ${left - free} bytes and what the service needs, or give prover.directory more room.`,
  );
}
