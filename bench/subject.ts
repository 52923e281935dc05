/** What is measured: a stack with a sample server that has data, and what the benchmarks ask of it. */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Backup, Restore, RestorePlan } from '../client/answers.ts';
import { untilEnded } from '../client/follow.ts';
import { objectKeys } from '../domain/ids.ts';
import { dataPaths } from '../embedded/paths.ts';
import { loadBulk } from '../embedded/sample-data/bulk.ts';
import type { StackService } from '../embedded/services.ts';
import type { Stack } from '../embedded/stack.ts';
import { startPrivateStack, type PrivateOptions } from '../embedded/temporary.ts';
import { listJournals } from '../mariadb/cutover/journal.ts';
import { connect } from '../mariadb/server/sql.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { removeParts } from '../storage/sweep.ts';
import { unlessGivenUp } from './given-up.ts';
import type { BenchOptions } from './options.ts';
import type { OurProcess } from './processes.ts';

/** Between two looks at a running operation: what it adds to a wall time is half of it. */
const lookMs = 100;

export type Say = (message: string) => void;

export interface Bench {
  stack: Stack;
  service: StackService;
  /** The benchmark's own; the stack is in `stack` below it. */
  folder: string;
  options: BenchOptions;
  say: Say;
}

export interface Setting {
  folder: string;
  options: BenchOptions;
  say: Say;
  /** Gives everything up. */
  interrupted: AbortSignal;
}

/** A stack in `folder`, for the time of some work; started again in the same folder, it has the same data. */
export async function withStack<T>(
  { folder, options, say, interrupted }: Setting,
  given: PrivateOptions,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  say('Starting a stack …');
  const stack = await startPrivateStack(join(folder, 'stack'), say, interrupted, given);
  try {
    const [service] = stack.services;
    if (!service) throw new Error('The stack has no service.');
    // After each restore, by hand too, a full would be begun at once, beside whatever is measured next.
    await stack.client.updateService(service.service_id, { binlog: { full_after_hole: false } });
    return await unlessGivenUp(interrupted, () => work({ stack, service, folder, options, say }));
  } finally {
    await stack.stop();
  }
}

export async function load({ service, options, say }: Bench): Promise<void> {
  say(`Loading ${options.size} bytes …`);
  await using connection = await connect({ defaults_file: service.defaults_file });
  await loadBulk(connection, options.size);
}

export async function backUp(
  { stack, service }: Bench,
  type: 'full' | 'incremental' = 'full',
): Promise<Backup> {
  const order = { backup_type: type, schedule: 'once', service_id: service.service_id };
  const { backup_id: id = '' } = await stack.client.createSchedule(order);
  return succeeded(() => stack.client.backup(id));
}

/**
 * @param from a backup, or the service with the point that `fields` name
 * @returns the restore's number
 */
export async function restore({ stack, service }: Bench, from: string, fields: object = {}): Promise<number> {
  const { id } = await stack.client.orderRestore(from, service.service_id, fields);
  await succeeded(() => stack.client.restore(id));
  return id;
}

/** Of each restore: what its plan had said, divided by what it took. */
export function estimateRatios(plans: readonly RestorePlan[], tookMs: readonly number[]): number[] {
  return plans.map(({ estimated_seconds: seconds }, run) => {
    return Math.round(((seconds * 1000) / (tookMs[run] ?? 1)) * 100) / 100;
  });
}

async function succeeded<T extends Backup | Restore>(look: () => Promise<T>): Promise<T> {
  const ended = await untilEnded(look, undefined, { everyMs: lookMs });
  if (ended.status !== 'Succeeded') throw new Error(`It ended as ${ended.status}: ${ended.message ?? ''}`);
  return ended;
}

/** Removes the data that restores have replaced, as the bare way does: both find the same disk. */
export async function removeReplaced({ folder, service }: Bench): Promise<void> {
  const state = join(dataPaths(join(folder, 'stack')).agents, service.service_id);
  for (const { members } of await listJournals(state)) {
    for (const { previous } of members) await rm(dirname(previous), { recursive: true, force: true });
  }
}

/** The folder in which a stack stores unless it is told otherwise. */
export function localStore({ folder }: Bench): Promise<ObjectStore> {
  return openStore(pathToFileURL(dataPaths(join(folder, 'stack')).storage).href);
}

export async function removeBackup(store: ObjectStore, backupId: string): Promise<void> {
  await store.delete(objectKeys.manifest(backupId));
  await removeParts(store, backupId);
}

/** Temporal's server is not ours. */
export function ourProcesses(stack: Stack): OurProcess[] {
  return stack.processes().filter(({ name }) => name !== 'temporal');
}
