/** Stopping the server cleanly, and being sure that it is gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { findProgram } from '../programs.ts';
import { isRunning, processStart } from '../processes/record.ts';
import { runProgram } from '../processes/run.ts';
import { isServing } from './greeting.ts';
import { findServerProcess } from './process.ts';
import { connect, rowsOf, type Connection } from './sql.ts';

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
 * Stops the server and waits until its process is gone. A server that does not run is fine.
 *
 * One that still accepts connections after `stop_timeout` did not obey: it is left alone. One that does not, and
 * still has not ended, hangs in its shutdown: it is killed, and its data recovers as after any crash. Leaving it
 * would leave nobody serving.
 * @returns since when the server was no longer asked to serve, as `Date.now()`
 * @throws server_stop_failed
 */
export async function stopServer(
  server: ServerSettings,
  { fast = false, log }: StopOptions,
): Promise<{ notServingSince: number }> {
  const pid = await findServerProcess(server);
  const started = pid === undefined ? undefined : processStart(pid);
  if (fast && pid !== undefined) await prepareFastStop(server, log);
  const notServingSince = Date.now();
  const deadline = notServingSince + server.stop_timeout;
  await order(server, pid);
  if (pid === undefined || started === undefined) return { notServingSince };
  for (let pauseMs = 5; isRunning(pid, started); pauseMs = Math.min(pauseMs * 2, 100)) {
    if (Date.now() > deadline) {
      await endHangingServer(server, pid, started, log);
      break;
    }
    await sleep(pauseMs);
  }
  log.info({ pid, ms: Date.now() - notServingSince }, 'The database server has stopped.');
  return { notServingSince };
}

/** systemd is told even when nothing runs: it may be about to start a crashed server again. */
async function order(server: ServerSettings, pid: number | undefined): Promise<void> {
  const { control } = server;
  if (control.kind === 'direct') {
    if (pid !== undefined) sendTerm(pid);
    return;
  }
  if (control.kind === 'command' && pid === undefined) return;
  const program =
    control.kind === 'systemd' ? await findProgram(server, 'systemctl') : (control.stop[0] ?? '');
  const args = control.kind === 'systemd' ? ['stop', control.unit] : control.stop.slice(1);
  const call = [program, ...args].join(' ');
  let result;
  try {
    result = await runProgram(program, args, { timeoutMs: server.stop_timeout });
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError('server_stop_failed', `${call} did not end in time: ${messageOf(error)}.`);
  }
  if (result.code !== 0) {
    throw new TidemarkError(
      'server_stop_failed',
      `${call} ended with ${result.code ?? result.signal}: ${result.stderr.trim()}. Stop the server by hand.`,
    );
  }
}

function sendTerm(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
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
    process.kill(pid, 'SIGKILL');
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
