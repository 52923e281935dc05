/** Keeping a server running that the agent itself starts: again after a crash, never after a shutdown. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { isRunning, processStart } from '../processes/record.ts';
import { findServerProcess, leftPidFile } from './process.ts';
import { startServer } from './start.ts';

const lookMs = 1_000;
const longestPauseMs = 60_000;

export interface Supervision {
  server: ServerSettings;
  log: Log;
  /** True while somebody else has the server in hand: a restore, an open journal. */
  isPaused: () => boolean | Promise<boolean>;
  /** Runs a look and the start that may follow from it while nobody else has the server in hand. */
  inTurn: (work: () => Promise<void>) => Promise<void>;
  signal: AbortSignal;
}

/**
 * Starts the server now, and again whenever it has crashed, until the signal is aborted. A crash is told from a
 * shutdown by the pid file: a server removes it when it ends in order. Failed starts are tried again, each after a
 * longer pause, up to a minute. The server itself is left running at the end.
 */
export async function superviseServer({ server, log, isPaused, inTurn, signal }: Supervision): Promise<void> {
  let wanted = true;
  let pauseMs = lookMs;
  let seen: SeenProcess | undefined;
  while (!signal.aborted) {
    let nextLookMs = lookMs;
    try {
      if (!isStill(seen)) {
        await inTurn(async () => {
          if (await isPaused()) return;
          seen = await lookFor(server);
          if (!seen && (wanted || (await leftPidFile(server)))) {
            await startServer(server, { signal, log });
            seen = await lookFor(server);
          }
          if (!seen) return;
          wanted = false;
          pauseMs = lookMs;
        });
      }
    } catch (error) {
      if (signal.aborted) return;
      log.error(
        { reason: messageOf(error), pauseMs },
        'The database server could not be started; trying again.',
      );
      nextLookMs = pauseMs;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
    await sleep(nextLookMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A process that was found to be the server; to look whether it still runs costs nothing, to find it does. */
interface SeenProcess {
  pid: number;
  started: string;
}

function isStill(seen: SeenProcess | undefined): boolean {
  return seen !== undefined && isRunning(seen.pid, seen.started);
}

async function lookFor(server: ServerSettings): Promise<SeenProcess | undefined> {
  const pid = await findServerProcess(server);
  const started = pid === undefined ? undefined : processStart(pid);
  return pid === undefined || started === undefined ? undefined : { pid, started };
}
