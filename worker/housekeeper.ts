/**
 * What an agent sees to by itself, Temporal there or not: a swap that was interrupted is settled, what killed
 * processes left is ended, replaced data is removed when its time is over.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Host, operationFolder } from '../activities/host/host.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { listOpenJournals } from '../mariadb/cutover/journal.ts';
import { removeProofPlaces } from '../mariadb/proof/place.ts';
import { markExpired, removeMarked } from '../mariadb/cutover/previous.ts';
import { settleOpenJournals } from '../mariadb/cutover/settle.ts';
import { endLeftovers } from '../mariadb/processes/record.ts';
import { lockServer } from '../mariadb/server-lock.ts';
import type { Waker } from './waker.ts';

const intervalMs = 15_000;

/** At the agent's start, before any order is taken; the caller holds the lock of the agent. */
export async function settleLeftovers(host: Pick<Host, 'agentId' | 'settings' | 'log'>): Promise<void> {
  const { server, state_directory: stateDirectory, prover } = host.settings;
  for (const operation of await operationsOf(stateDirectory)) {
    const ended = await endLeftovers(operationFolder(stateDirectory, operation));
    if (ended > 0) host.log.warn({ operation, ended }, 'Ended processes that a killed agent had left.');
  }
  if (prover) {
    const mine = { directory: prover.directory, agentId: host.agentId };
    await removeProofPlaces(mine).catch((error: unknown) => {
      host.log.warn(
        { reason: messageOf(error) },
        'What a drill left could not be removed; the next one tries again.',
      );
    });
  }
  try {
    const owner = { operation: 'the start of the agent', waitMs: 30_000 };
    await using _lock = await lockServer({ server, stateDirectory, log: host.log, ...owner });
    const settled = await settleOpenJournals({ server, stateDirectory, log: host.log });
    if (settled > 0) host.log.warn({ settled }, 'Took back a cut-over that was interrupted.');
  } catch (error) {
    // Not the end of the agent: without it no order could reach this host any more. The housekeeping goes on trying.
    host.log.error(
      { reason: messageOf(error) },
      'A cut-over that was interrupted could not be taken back yet.',
    );
  }
}

async function operationsOf(stateDirectory: string): Promise<string[]> {
  try {
    return await readdir(path.join(stateDirectory, 'operations'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Until the signal. Woken, it does not wait for its time. */
export async function keepHouse(host: Host, waker: Waker, signal: AbortSignal): Promise<void> {
  const { state_directory: stateDirectory, server } = host.settings;
  const owner = { operation: 'housekeeping', waitMs: 0 };
  const stuck = new Set<number>();
  const locked = async (work: () => Promise<void>): Promise<void> => {
    await using _lock = await lockServer({ server, stateDirectory, log: host.log, ...owner });
    await work();
  };
  while (!signal.aborted) {
    await waker.rest(intervalMs, signal);
    if (signal.aborted) continue;
    try {
      if (![...host.attempts.values()].some(({ beside }) => !beside))
        await locked(() => putInOrder(host, stuck));
      const removed = await removeMarked({ stateDirectory, stuck, log: host.log, locked });
      if (removed.length === 0) continue;
      host.announceNow();
      // There may still be too little room.
      waker.wake();
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'host_busy') continue;
      host.log.error({ reason: messageOf(error) }, 'The housekeeping failed; trying again.');
    }
  }
}

/** Nobody works on the server. */
async function putInOrder({ settings, attempts, log }: Host, stuck: Set<number>): Promise<void> {
  const { server, state_directory: stateDirectory, restore, prover } = settings;
  // It is open: its activity was given up while this agent lived.
  if ((await listOpenJournals(stateDirectory)).length > 0) {
    await settleOpenJournals({ server, stateDirectory, log });
  }
  // A drill goes before what a restore has kept: it ends by itself when room is short.
  const givingBack = attempts.size > 0 ? prover?.directory : undefined;
  const expiry = { stateDirectory, stuck, minFreeBytes: restore.min_free, now: Date.now(), log };
  await markExpired({ ...expiry, ...(givingBack !== undefined && { givingBack }) });
}
