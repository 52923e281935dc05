/** Stopping the server cleanly, and being sure that it is gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { findProgram } from '../programs.ts';
import { isRunning, processStart } from '../processes/record.ts';
import { runProgram } from '../processes/run.ts';
import { isServing, listens } from './greeting.ts';
import { readServerOptions, type ServerOptions } from './options.ts';
import { requireGone, unseen } from './presence.ts';
import { findServerProcess, leftPidFile } from './process.ts';
import { connect, rowsOf, type Connection } from './sql.ts';

/** How long to look that nobody comes back after a clean end; the server does not serve meanwhile. */
const momentMs = 100;
/** After a kill it is longer: mysqld_safe starts a killed server again at once, systemd as a rule after 5 s. */
const restartMs = 6_000;
const flushLimitMs = 60_000;
/** With this few dirty pages left, a shutdown takes no longer than it would with none. */
const fewPages = 64;

export interface StopOptions {
  /**
   * Writes dirty pages before the stop, while the server still serves, and skips its closing clean-up: it is gone in
   * a fraction of a second, and recovers when it is ever started on this data again.
   */
  fast?: boolean;
  log: Log;
}

/**
 * Stops the server and waits until it is gone: no process of it is left, and nobody answers at its socket. A server
 * that does not run is fine.
 *
 * One that still accepts connections after `stop_timeout` did not obey: it is left alone. One that does not, and
 * still has not ended, hangs in its shutdown: it is killed, and its data recovers as after any crash. Leaving it
 * would leave nobody serving.
 * @returns since when the server was no longer asked to serve, and since when it is gone, both as `Date.now()`
 * @throws server_stop_failed
 */
export async function stopServer(
  server: ServerSettings,
  { fast = false, log }: StopOptions,
): Promise<{ notServingSince: number; goneSince: number }> {
  const options = await readServerOptions(server);
  const socket = options.get('socket') ?? '';
  const pid = await findServerProcess(server, options);
  const started = pid === undefined ? undefined : processStart(pid);
  const listening = await listens(socket);
  if (fast && (pid !== undefined || listening)) await prepareFastStop(server, log);
  const notServingSince = Date.now();
  const deadline = notServingSince + server.stop_timeout;
  await order(server, pid, listening, log);
  let killed = false;
  if (pid !== undefined && started !== undefined) {
    for (let pauseMs = 5; !killed && isRunning(pid, started); pauseMs = Math.min(pauseMs * 2, 100)) {
      if (Date.now() > deadline) {
        await endHangingServer(server, pid, started, log);
        killed = true;
      } else await sleep(pauseMs);
    }
  } else if (listening) await waitForUnseen(server, options, deadline);
  const goneSince = Date.now();
  await requireGone(server, killed ? restartMs : momentMs, options);
  if (pid !== undefined || listening) {
    log.info({ pid, ms: goneSince - notServingSince }, 'The database server has stopped.');
  }
  return { notServingSince, goneSince };
}

/**
 * systemd is told even when nothing runs: it may be about to start a crashed server again. A program that does not end
 * in time is given up; the server itself decides what comes next.
 */
async function order(
  server: ServerSettings,
  pid: number | undefined,
  listening: boolean,
  log: Log,
): Promise<void> {
  const { control } = server;
  if (control.kind === 'direct') {
    if (pid !== undefined) send('SIGTERM', pid);
    else if (listening) throw unseen('A database server serves');
    return;
  }
  if (control.kind === 'command' && pid === undefined && !listening) return;
  const program =
    control.kind === 'systemd' ? await findProgram(server, 'systemctl') : (control.stop[0] ?? '');
  const args = control.kind === 'systemd' ? ['stop', control.unit] : control.stop.slice(1);
  const call = [program, ...args].join(' ');
  let result;
  try {
    result = await runProgram(program, args, { timeoutMs: server.stop_timeout });
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') throw error;
    log.warn({ call }, 'What should stop the database server did not end in time.');
    return;
  }
  if (result.code !== 0) {
    throw new TidemarkError(
      'server_stop_failed',
      `${call} ended with ${result.code ?? result.signal}: ${result.stderr.trim()}. Stop the server by hand.`,
    );
  }
}

/**
 * Waits for a server whose process the agent cannot see, as in another container. That it no longer answers is not
 * enough, for it still writes then; in the end it removes its pid file.
 */
async function waitForUnseen(
  server: ServerSettings,
  options: ServerOptions,
  deadline: number,
): Promise<void> {
  const socket = options.get('socket') ?? '';
  while ((await listens(socket)) || (await leftPidFile(server, options))) {
    if (Date.now() > deadline) {
      throw unseen(`The database server was told to stop, and its socket or pid file is still there`);
    }
    await sleep(100);
  }
}

function send(signal: 'SIGTERM' | 'SIGKILL', pid: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new TidemarkError(
      'server_stop_failed',
      `The agent may not stop the server's process ${pid}: ${messageOf(error)}. Run the agent as root or as its user.`,
    );
  }
}

async function endHangingServer(
  server: ServerSettings,
  pid: number,
  started: string,
  log: Log,
): Promise<void> {
  const seconds = Math.round(server.stop_timeout / 1000);
  if (await isServing(server)) {
    throw new TidemarkError(
      'server_stop_failed',
      `The database server (process ${pid}) still accepts connections ${seconds} s after it was told to stop. ` +
        'Stop it by hand, or raise server.stop_timeout.',
    );
  }
  log.warn({ pid }, `The database server hangs in its shutdown since ${seconds} s; it is killed.`);
  while (isRunning(pid, started)) {
    send('SIGKILL', pid);
    await sleep(50);
  }
}

/** Whatever of it is not possible costs time in the stop and nothing else. */
async function prepareFastStop(server: ServerSettings, log: Log): Promise<void> {
  try {
    await using connection = await connect(server);
    await rowsOf(connection, 'SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0');
    await rowsOf(connection, 'SET GLOBAL innodb_max_dirty_pages_pct = 0');
    await waitForFlush(connection);
    await rowsOf(connection, 'SET GLOBAL innodb_fast_shutdown = 2');
  } catch (error) {
    log.warn(
      { reason: messageOf(error) },
      'The server could not be made ready for a fast stop; it is stopped as it is.',
    );
  }
}

/** A busy server makes new dirty pages for ever: the wait ends when they no longer become fewer, too. */
async function waitForFlush(connection: Connection): Promise<void> {
  const end = Date.now() + flushLimitMs;
  let fewest = Infinity;
  for (let patience = 20; patience > 0 && Date.now() < end; patience -= 1) {
    const [row] = await rowsOf<{ Value: string }>(
      connection,
      "SHOW STATUS LIKE 'Innodb_buffer_pool_pages_dirty'",
    );
    const dirty = Number(row?.Value ?? 0);
    if (dirty <= fewPages) return;
    if (dirty < fewest) patience = 20;
    fewest = Math.min(fewest, dirty);
    await sleep(100);
  }
}
