/**
 * A private server: mariadbd on a copy that is not live, reachable by nobody but this process, over a socket in the
 * copy itself. Everything it writes besides the data is in one folder of the copy and gone with it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, rm, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Attempt } from '../context.ts';
import { startChild, type Child } from '../processes/child.ts';
import { findProgram } from '../programs.ts';
import { greets } from '../server/greeting.ts';
import { connect, type Connection } from '../server/sql.ts';
import { tellingLines } from './private-log.ts';
import { isMissing } from './files.ts';
import { privateArguments, privateFolder } from './private-options.ts';
import type { Owner } from './staging.ts';

/** The administrator that exists on a private server only; dropped before it stops. */
export const privateAccount = 'tidemark_private';
const defaultMemoryBytes = 128 * 1024 ** 2;
/** What the kernel takes as the path of a socket, with the zero at its end. */
const longestSocketPath = 107;

export interface PrivateServerOptions {
  server: ServerSettings;
  layout: Layout;
  /** The copy. Its files belong to `owner` already. */
  directory: string;
  owner: Owner;
  attempt: Attempt;
  /** Size of the buffer pool. */
  memoryBytes?: number;
  /** Further options of its command line; they come last. */
  further?: readonly string[];
}

/** How to reach a private server while it runs. */
export interface PrivateServer {
  /** All privileges. */
  connection: Connection;
  socket: string;
  /** The administrator, for a program that signs on by itself. A secret. */
  account: { socket: string; user: string; password: string };
  /** What its server said went wrong so far, in one line. */
  said: () => Promise<string>;
  pid: number | undefined;
}

/**
 * Starts a private server on a copy, has `work` done, and stops it cleanly. However it ends, the server is gone then.
 * @throws private_server_failed, disk_full, tool_missing; what `work` throws; the signal's reason when it was aborted
 */
export async function withPrivateServer<T>(
  options: PrivateServerOptions,
  work: (server: PrivateServer) => Promise<T>,
): Promise<T> {
  const { attempt, directory } = options;
  const folder = path.join(directory, privateFolder);
  const password = randomBytes(24).toString('base64url');
  await makeFolder(options, folder, password);
  const child = await start(options);
  // The copy is made anew, or recovers, after a cancellation: there is nothing to wait for.
  const onAbort = (): void => void child.kill('SIGKILL');
  attempt.signal.addEventListener('abort', onAbort, { once: true });
  let place: SocketPlace | undefined;
  try {
    place = await reachSocket(folder);
    await waitForServer(options, child, folder, place.socket);
    const server = { server: options.server, socket: place.socket, user: privateAccount, password };
    const connection = await connectAsAdministrator(server, folder);
    await rm(path.join(folder, 'init.sql'), { force: true });
    const said = (): Promise<string> => tellingLines(path.join(folder, 'log.err'));
    const result = await work({
      connection,
      socket: place.socket,
      account: {
        // By its own descriptors a program would not find ours.
        socket: place.socket.replace('/proc/self/', `/proc/${process.pid}/`),
        user: privateAccount,
        password,
      },
      said,
      pid: child.pid,
    });
    attempt.signal.throwIfAborted();
    await stopCleanly(connection, child, folder);
    return result;
  } catch (error) {
    attempt.signal.throwIfAborted();
    throw error;
  } finally {
    attempt.signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
    await child.end();
    await place?.handle?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The init file holds the digest of a password that only this process knows. */
async function makeFolder(options: PrivateServerOptions, folder: string, password: string): Promise<void> {
  const { owner } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const init = path.join(folder, 'init.sql');
  await writeFile(
    init,
    'SET SESSION sql_log_bin=0;\n' +
      `CREATE OR REPLACE USER '${privateAccount}'@'localhost' IDENTIFIED VIA mysql_native_password ` +
      `USING '${passwordDigest(password)}';\n` +
      `GRANT ALL PRIVILEGES ON *.* TO '${privateAccount}'@'localhost' WITH GRANT OPTION;\n`,
    { mode: 0o600 },
  );
  for (const entry of [path.dirname(folder), folder, init]) await chown(entry, owner.uid, owner.gid);
  await chmod(folder, 0o700);
}

/** What `mysql_native_password` keeps of a password. With it, no rule for passwords can refuse ours. */
export function passwordDigest(password: string): string {
  const once = createHash('sha1').update(password).digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}

async function start(options: PrivateServerOptions): Promise<Child> {
  const { server, directory, layout, owner, attempt } = options;
  const program = await findProgram(server, 'mariadbd');
  const args = privateArguments({
    defaultsFile: server.defaults_file,
    directory,
    innodbDataFiles: layout.innodbDataFiles,
    innodbPageSize: layout.innodbPageSize,
    lowerCaseTableNames: layout.lowerCaseTableNames,
    memoryBytes: options.memoryBytes ?? defaultMemoryBytes,
    user: process.getuid?.() === 0 ? String(owner.uid) : undefined,
  });
  return startChild(program, [...args, ...(options.further ?? [])], {
    folder: attempt.folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function waitForServer(
  options: PrivateServerOptions,
  child: Child,
  folder: string,
  socket: string,
): Promise<void> {
  const { server, attempt } = options;
  const limit = Date.now() + server.start_timeout;
  let ended = false;
  void child.exited.then(() => (ended = true));
  // The socket is there a moment before the server listens on it.
  while ((await isMissing(path.join(folder, 's'))) || !(await greets(socket))) {
    attempt.signal.throwIfAborted();
    if (ended) throw await startError(child, folder);
    if (Date.now() > limit) {
      throw new TidemarkError(
        'private_server_failed',
        `A private server on the restored copy was not ready after ${server.start_timeout / 1000} s; raise ` +
          `server.start_timeout. ${await tellingLines(path.join(folder, 'log.err'))}`,
      );
    }
    await sleep(20);
  }
}

async function startError(child: Child, folder: string): Promise<TidemarkError> {
  const { error, stderr } = await child.exited;
  if (error) return error;
  const said =
    (await tellingLines(path.join(folder, 'log.err'))) || stderr.trim().split('\n').slice(-3).join(' | ');
  if (/no space left|errno: 28|error number 28|disk full/i.test(said)) {
    return new TidemarkError(
      'disk_full',
      `A private server on the restored copy found the disk full: ${said}`,
    );
  }
  return new TidemarkError(
    'private_server_failed',
    `A private server could not be started on the restored copy: ${said}`,
  );
}

interface SocketPlace {
  socket: string;
  handle?: FileHandle;
}

/** A socket's path is short. Where the copy's is too long, it is reached through a descriptor of its folder. */
async function reachSocket(folder: string): Promise<SocketPlace> {
  const socket = path.join(folder, 's');
  if (Buffer.byteLength(socket) <= longestSocketPath) return { socket };
  const handle = await open(folder, 'r');
  return { socket: `/proc/self/fd/${handle.fd}/s`, handle };
}

async function connectAsAdministrator(
  { server, ...overrides }: { server: ServerSettings; socket: string; user: string; password: string },
  folder: string,
): Promise<Connection> {
  try {
    return await connect(server, overrides);
  } catch (error) {
    throw new TidemarkError(
      'private_server_failed',
      `A private server on the restored copy does not let its own administrator in: ${messageOf(error)} ` +
        (await tellingLines(path.join(folder, 'log.err'))),
      { cause: error },
    );
  }
}

/** A clean stop leaves nothing to recover, so that the live server starts at once. */
async function stopCleanly(connection: Connection, child: Child, folder: string): Promise<void> {
  await connection.query(`DROP USER IF EXISTS '${privateAccount}'@'localhost'`);
  await connection.query('SHUTDOWN');
  connection.destroy();
  const { code, signal } = await child.exited;
  if (code !== 0) {
    throw new TidemarkError(
      'private_server_failed',
      `A private server on the restored copy did not stop cleanly (it ended with ${signal ?? code}): ` +
        (await tellingLines(path.join(folder, 'log.err'))),
    );
  }
}
