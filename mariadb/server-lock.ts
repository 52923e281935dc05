/**
 * The lock of one server: who holds it may stop, start and change it. It is two locks, for the agents of a host need not
 * know of each other: one in the agent's state directory, and one beside the server's data, where any agent of the same
 * server looks.
 */
import path from 'node:path';
import type { ServerSettings } from '../config/agent.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import type { Log } from './context.ts';
import { acquireLock, type Lock, type LockOwner } from './lock.ts';
import { isMissing } from './restore/files.ts';
import { isMountPoint } from './server/mounts.ts';
import { readServerOptions } from './server/options.ts';

export interface ServerLockOptions extends LockOwner {
  server: ServerSettings;
  stateDirectory: string;
  log: Log;
}

/**
 * Takes the lock of the server. Where nothing can be written beside its data, as on a full disk, the one in the state
 * directory has to do: what brings a server back must not need room.
 * @throws host_busy naming the owner, after `waitMs`; lock_forbidden when it is another user's; the signal's reason
 */
export async function lockServer(options: ServerLockOptions): Promise<Lock> {
  const own = await acquireLock(path.join(options.stateDirectory, 'server.lock'), options);
  let shared: Lock | undefined;
  try {
    shared = await lockBeside(options);
  } catch (error) {
    await own.release();
    throw error;
  }
  const release = async (): Promise<void> => {
    await shared?.release();
    await own.release();
  };
  return { release, [Symbol.asyncDispose]: release };
}

async function lockBeside({ server, log, ...owner }: ServerLockOptions): Promise<Lock | undefined> {
  try {
    const file = await sharedLockPath(server);
    if (await isMissing(path.dirname(file))) return undefined;
    return await acquireLock(file, { ...owner, operation: `${owner.operation} of ${owner.stateDirectory}` });
  } catch (error) {
    owner.signal?.throwIfAborted();
    // Who is not seen at work is not known to rest, either.
    if (error instanceof TidemarkError && /^(host_busy|lock_forbidden)$/.test(error.code)) throw error;
    log.warn(
      { reason: messageOf(error) },
      "No lock could be taken beside the server's data: an agent with another state directory would not be kept away.",
    );
    return undefined;
  }
}

/**
 * Beside the data directory, which is itself replaced; in it where it is a mount point, whose entries are.
 * @example /var/lib/mysql → /var/lib/.mysql.tidemark.lock
 */
export async function sharedLockPath(server: ServerSettings): Promise<string> {
  const data = path.resolve((await readServerOptions(server)).get('datadir') ?? '');
  if (await isMountPoint(data)) return path.join(data, '.tidemark.lock');
  return path.join(path.dirname(data), `.${path.basename(data)}.tidemark.lock`);
}
