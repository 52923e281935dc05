/** The storage of a stack, looked at while everything else is started: without it, nothing that a stack is for works. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { TidemarkError } from '../domain/errors.ts';
import { startChild } from '../mariadb/processes/child.ts';
import type { ProcessSpec } from './supervisor.ts';

/**
 * Waits until the storage can be used.
 *
 * @param spec of the process that looks
 * @param say is told what is waited for
 * @throws invalid_setting in the storage's own words, at once, for what does not pass by itself; storage_unavailable,
 *   after `limitMs`, for what did not; the signal's reason
 */
export async function untilStorageUsable(
  { program, args, environment }: ProcessSpec,
  limitMs: number,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const child = startChild(program, args, {
    ours: true,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let last = '';
  const lines = child.stdout && createInterface(child.stdout);
  lines?.on('line', (line) => {
    last = line;
    say(line);
  });
  const read = lines && once(lines, 'close');
  const late = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const end = (): void => void child.end();
  late.addEventListener('abort', end, { once: true });
  if (late.aborted) end();
  try {
    const { code, stderr, error } = await child.exited;
    await read;
    signal.throwIfAborted();
    if (code === 0) return;
    if (error) throw error;
    // One that was ended by us says nothing about the storage, whatever a library has warned of before.
    if (!late.aborted && stderr.trim() !== '') throw new TidemarkError('invalid_setting', stderr.trim());
    throw new TidemarkError(
      'storage_unavailable',
      `${last === '' ? 'The storage did not answer.' : last} It was waited for ${limitMs / 1000} s.`,
    );
  } finally {
    late.removeEventListener('abort', end);
  }
}
