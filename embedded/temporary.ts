/** Stacks that live in a temporary folder, on whatever ports are free, for the demo and the benchmarks. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { StackOptions } from './options.ts';
import { startStack, type Stack } from './stack.ts';

/**
 * A temporary folder for the time of some work; it is removed, whatever comes of it.
 *
 * @param parent where it is made
 */
export async function inTemporaryFolder<T>(
  parent: string,
  prefix: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(parent, prefix));
  // Below root's, sample servers and what makes their tables run as another user, who has to get through.
  if (userInfo().uid === 0) await chmod(folder, 0o711);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a private stack can be told; the rest follows from its being private. */
export type PrivateOptions = Partial<
  Pick<StackOptions, 'recipients' | 'identity' | 'storage' | 'environment'>
>;

/** A stack with one sample server, and all its state in `folder`. */
export function startPrivateStack(
  folder: string,
  say: (message: string) => void,
  signal: AbortSignal,
  given: PrivateOptions = {},
): Promise<Stack> {
  const options = {
    data: folder,
    samples: 1,
    agents: [],
    storage: undefined,
    movedFrom: undefined,
    environment: {},
    copies: [],
    externalEndpoints: [],
    recipients: [],
    identity: undefined,
    ...given,
    logLevel: 'info' as const,
    // It is gone before the night, or would be disturbed by it.
    nightly: 'off' as const,
  };
  const ports = { port: 0, temporalPort: 0, uiPort: 0 };
  return startStack({ ...options, ...ports, readyTimeoutMs: 120_000 }, say, signal);
}
