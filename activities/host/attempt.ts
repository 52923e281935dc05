/**
 * One attempt at a piece of work on the host: it ends what an earlier attempt left, holds the server's lock, is
 * heard by Temporal while it goes on, is ended when it is cancelled, and when it makes no progress.
 */
import { Context } from '@temporalio/activity';
import { TidemarkError } from '../../domain/errors.ts';
import { advance, type Phase, type Progress, startOf } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { lockServer } from '../../mariadb/server-lock.ts';
import { endLeftovers } from '../../mariadb/processes/record.ts';
import { makeDirectory, removeIfEmpty } from '../../mariadb/restore/files.ts';
import { type Host, operationFolder } from './host.ts';

const beatMs = 1_000;
/** How long the lock is waited for: an attempt in another process that is being ended gives it up within this. */
const lockWaitMs = 60_000;

export interface AttemptOptions {
  /** Names the work on this host; attempts of one operation never overlap. */
  operation: string;
  phase: Phase;
  /** Work that must not be stopped in its middle: a later attempt waits for it instead of ending it. */
  uninterruptible?: boolean;
  /** Works beside the server and not on it: it takes no lock, and makes way for whoever restores. */
  beside?: boolean;
}

/** @throws host_busy when another operation has the server; whatever `work` throws */
export async function attempt<T>(
  host: Host,
  options: AttemptOptions,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const superseded = new AbortController();
  const ending = Promise.withResolvers<void>();
  const beat = beginHeartbeat(options.phase, host);
  try {
    await endEarlier(host, options.operation, Context.current().cancellationSignal);
    if (options.beside) refuseBesideRestore(host);
    host.attempts.set(options.operation, {
      supersede: (reason) => {
        if (!options.uninterruptible)
          superseded.abort(reason ?? new TidemarkError('host_busy', 'A later attempt took over.'));
      },
      beside: options.beside === true,
      ended: ending.promise,
    });
    if (isRestore(options.operation)) await clearTheWay(host);
    const signal = options.uninterruptible
      ? new AbortController().signal
      : AbortSignal.any([superseded.signal, beat.signal, Context.current().cancellationSignal]);
    const { operation, phase } = options;
    host.log.info({ operation, phase, attempt: Context.current().info.attempt }, 'Work begins.');
    const given = (folder: string): Promise<T> =>
      work({ folder, signal, report: beat.report, log: host.log });
    const run = (): Promise<T> =>
      options.beside
        ? inFolder(host, options.operation, given)
        : underLock(host, options.operation, signal, given);
    const result = await (options.uninterruptible ? host.turn.take(run) : run());
    host.log.info({ operation, phase }, 'Work is done.');
    return result;
  } finally {
    beat.end();
    if (host.attempts.get(options.operation)?.ended === ending.promise)
      host.attempts.delete(options.operation);
    ending.resolve();
  }
}

/**
 * An attempt of the same operation that Temporal gave up on may still be going on in this very process.
 * @throws the signal's reason when this one was cancelled meanwhile
 */
async function endEarlier(host: Host, operation: string, signal: AbortSignal): Promise<void> {
  const cancelled = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (let earlier = host.attempts.get(operation); earlier; earlier = host.attempts.get(operation)) {
    signal.throwIfAborted();
    earlier.supersede();
    await Promise.race([earlier.ended, cancelled]);
  }
}

const isRestore = (operation: string): boolean => operation.startsWith('restore-');

/** A restore needs the memory and the room of its host. */
function refuseBesideRestore(host: Host): void {
  const restore = [...host.attempts.keys()].find(isRestore);
  if (restore === undefined) return;
  throw new TidemarkError('prover_busy', `The drill waits: the prover's host is busy with ${restore}.`);
}

/** Ends what goes on beside the server, and waits until nothing of it is left. */
export async function clearTheWay(host: Host): Promise<void> {
  const beside = [...host.attempts.values()].filter((running) => running.beside);
  for (const running of beside)
    running.supersede(
      new TidemarkError('prover_busy', "The drill made way for a restore on the prover's host."),
    );
  await Promise.all(beside.map(({ ended }) => ended));
}

async function underLock<T>(
  host: Host,
  operation: string,
  signal: AbortSignal,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const { server, state_directory: stateDirectory } = host.settings;
  const owner = { operation, signal, waitMs: lockWaitMs };
  await using _lock = await lockServer({ server, stateDirectory, log: host.log, ...owner });
  return await inFolder(host, operation, work);
}

async function inFolder<T>(host: Host, operation: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = operationFolder(host.settings.state_directory, operation);
  await makeDirectory(folder, 0o700);
  try {
    await endLeftovers(folder);
    return await work(folder);
  } finally {
    await removeIfEmpty(folder);
  }
}

interface Heartbeat {
  report: Attempt['report'];
  /** Aborted when no report came that was further than the one before, for too long. */
  signal: AbortSignal;
  end(): void;
}

/**
 * Beats on a timer, because cancellation only arrives with a heartbeat and silence means death. A timer alone would
 * hide a hang, so a phase that counts bytes has to move some, its total known or not; preparing and checking count
 * none and may take what they take.
 */
function beginHeartbeat(phase: Phase, { settings: { stall_timeout: stallMs }, waits }: Host): Heartbeat {
  const context = Context.current();
  // Where the last attempt got: figures never go back within a phase, whichever attempt shows them.
  let shown = advance(context.info.heartbeatDetails as Progress | undefined, startOf(phase));
  let reported: { phase: Phase; bytesMoved: number | undefined } | undefined;
  let movedAt = Date.now();
  const stalled = new AbortController();
  const beat = (): void => {
    const waiting = waits?.told;
    context.heartbeat(waiting === undefined ? shown : { ...shown, waiting });
    if (reported?.bytesMoved !== undefined && Date.now() - movedAt > stallMs) {
      const message = `Nothing moved in phase "${phase}" for ${Math.round(stallMs / 1000)} s.`;
      stalled.abort(new TidemarkError('operation_stalled', message));
    }
  };
  const timer = setInterval(beat, beatMs);
  beat();
  return {
    report(progress, bytesMoved = progress.bytesTotal > 0 ? progress.bytesDone : undefined) {
      const { phase } = progress;
      if (reported?.phase !== phase || (bytesMoved ?? 0) > (reported.bytesMoved ?? 0)) movedAt = Date.now();
      reported = { phase, bytesMoved };
      shown = advance(shown, progress);
    },
    signal: stalled.signal,
    end: () => {
      clearInterval(timer);
    },
  };
}
