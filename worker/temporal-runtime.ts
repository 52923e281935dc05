/** Temporal's part of a process: its logs in ours, its metrics, and a connection that is waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  NativeConnection,
  Runtime,
  type LogLevel,
  type Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { failureInterceptor } from '../activities/failures.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { TemporalSettings } from '../temporal/connect.ts';

/** The SDK's own narrative is detail to us; its warnings are not. */
const levels: Record<LogLevel, keyof Log> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'debug',
  WARN: 'warn',
  ERROR: 'error',
};

const longestPauseMs = 10_000;

/** To be called once, before anything of the worker SDK is used. */
export function installRuntime(log: Log, metricsAddress?: string): void {
  const say =
    (level: keyof Log) =>
    (message: string, meta?: object): void => {
      log[level]({ temporal: withErrors(meta) }, message);
    };
  Runtime.install({
    logger: {
      log: (level, message, meta) => {
        // That an agent runs no workflows is how it is meant.
        say(message.startsWith('No workflows registered') ? 'debug' : levels[level])(message, meta);
      },
      trace: say('debug'),
      debug: say('debug'),
      info: say('debug'),
      warn: (message, meta) => {
        say(message.startsWith('No workflows registered') ? 'debug' : 'warn')(message, meta);
      },
      error: say('error'),
    },
    // Our own handlers decide in which order a process ends.
    shutdownSignals: [],
    telemetryOptions: {
      // Left alone, the native side prints text among our lines of JSON.
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      ...(metricsAddress !== undefined && { metrics: { prometheus: { bindAddress: metricsAddress } } }),
    },
  });
}

/** What an error says, which JSON leaves out, with what it was caused by: the reason is often the innermost. */
export function withErrors(meta: object = {}): Record<string, unknown> {
  const told = (value: unknown, depth: number): unknown => {
    if (!(value instanceof Error)) return value;
    const { name, message, cause } = value;
    const type = (value as { type?: unknown }).type;
    return {
      name,
      message,
      ...(typeof type === 'string' && { type }),
      ...(cause !== undefined && depth > 0 && { cause: told(cause, depth - 1) }),
    };
  };
  return Object.fromEntries(Object.entries(meta).map(([key, value]) => [key, told(value, 5)]));
}

/** A connection, once there is a Temporal to connect to; a process outlives its absence. */
export async function connectPatiently(
  temporal: TemporalSettings,
  log: Log,
  signal: AbortSignal,
): Promise<NativeConnection> {
  for (let pause = 250; ; pause = Math.min(pause * 2, longestPauseMs)) {
    try {
      return await NativeConnection.connect(temporal.connectionOptions);
    } catch (error) {
      const { address } = temporal.connectionOptions;
      log.warn({ address, reason: messageOf(error) }, 'Temporal does not answer; trying again.');
      await sleep(pause, undefined, { signal });
    }
  }
}

/** What all our workers have in common. */
export function workerDefaults(log: Log): Partial<WorkerOptions> {
  return {
    // Cancellation arrives with a heartbeat's answer: no rarer than this.
    maxHeartbeatThrottleInterval: '2s',
    defaultHeartbeatThrottleInterval: '2s',
    shutdownGraceTime: '2s',
    shutdownForceTime: '8s',
    interceptors: { activity: [(context) => ({ inbound: failureInterceptor(context, log) })] },
  };
}

interface Crew {
  workers: Worker[];
  /** Runs beside them on their connection, until its signal; what it throws ends them all. */
  alongside?: (signal: AbortSignal) => Promise<void>;
}

/**
 * Runs workers until the signal, and anew, on a fresh connection, when Temporal has thrown them out.
 *
 * @param gather makes the workers of a connection
 * @throws TidemarkError from `gather`: a setting is wrong, and trying again would not help
 */
export async function runWorkers(
  connect: () => Promise<NativeConnection>,
  gather: (connection: NativeConnection) => Promise<Crew>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const connection = await connect();
      try {
        await runCrew(await gather(connection), signal);
      } finally {
        await connection.close().catch(() => undefined);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TidemarkError) throw error;
      log.error({ reason: messageOf(error) }, 'The worker ended; starting it again.');
      await sleep(1_000, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** All have ended when this settles: a connection must not be closed, nor another crew begin, before. */
async function runCrew({ workers, alongside }: Crew, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const stop = (): void => {
    ended.abort();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    // One that ends takes its fellows along: they share the connection that broke.
    const runs = workers.map((worker) => worker.run().finally(stop));
    if (signal.aborted) stop();
    const all = await Promise.allSettled([...runs, alongside?.(ended.signal).finally(stop)]);
    const failed = all.find((run) => run.status === 'rejected');
    if (failed) throw new Error(messageOf(failed.reason), { cause: failed.reason });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
