/** `npm run bench -- backup|restore|api`: Tidemark against the same programs in a shell, and its lists. bench/README.md says how to read it. */
import { CommanderError } from 'commander';
import { rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Backup, Restore } from '../client/answers.ts';
import { untilEnded } from '../client/follow.ts';
import { messageOf } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import { dataPaths } from '../embedded/paths.ts';
import { sampleServer } from '../embedded/sample-server.ts';
import { loadBulk } from '../embedded/sample-data/bulk.ts';
import type { StackService } from '../embedded/services.ts';
import { aborted, Interrupted, interruption } from '../embedded/signals.ts';
import type { Stack } from '../embedded/stack.ts';
import { inTemporaryFolder, startPrivateStack } from '../embedded/temporary.ts';
import { connect } from '../mariadb/server/sql.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { removeParts } from '../storage/sweep.ts';
import { benchApi } from './api.ts';
import { bareBackup, bareRestore, oneFile } from './bare.ts';
import { compare, inTurns, median, timed } from './figures.ts';
import { peakMemory } from './memory.ts';
import { parseBenchOptions, type BenchOptions } from './options.ts';
import { watchServer } from './probe.ts';
import { restoreSteps, type Steps } from './steps.ts';

const say = (message: string): void => void process.stderr.write(`${message}\n`);
/** Between two looks at a running operation: what it adds to a wall time is half of it. */
const lookMs = 50;

interface Bench {
  stack: Stack;
  service: StackService;
  folder: string;
  options: BenchOptions;
}

/** @returns the exit code: 0 once everything was measured, 1 when something failed, 2 for options that are not allowed */
async function main(args: string[]): Promise<number> {
  const interrupted = interruption();
  try {
    const options = parseBenchOptions(args);
    if (options.what === 'api') {
      print(options, { bench: 'api', ...(await benchApi(options, say)) });
      return 0;
    }
    const figures = await inTemporaryFolder(options.folder, 'tidemark-bench-', (folder) =>
      measure(folder, options, interrupted),
    );
    print(options, figures);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    say(messageOf(error));
    return error instanceof Interrupted ? 130 : 1;
  }
}

async function measure(folder: string, options: BenchOptions, interrupted: AbortSignal): Promise<object> {
  say('Starting a stack …');
  const stack = await startPrivateStack(join(folder, 'stack'), say, interrupted);
  try {
    const [service] = stack.services;
    if (!service) throw new Error('The stack has no service.');
    const bench = { stack, service, folder, options };
    const work = async (): Promise<object> => {
      await load(bench);
      const figures = options.what === 'backup' ? await benchBackup(bench) : await benchRestore(bench);
      return { bench: options.what, size_bytes: options.size, runs: options.runs, ...figures };
    };
    return await Promise.race([
      work(),
      aborted(interrupted).then(() => Promise.reject(interrupted.reason as Error)),
    ]);
  } finally {
    await stack.stop();
  }
}

async function load({ service, options }: Bench): Promise<void> {
  say(`Loading ${options.size} bytes …`);
  await using connection = await connect({ defaults_file: service.defaults_file });
  await loadBulk(connection, options.size);
}

async function benchBackup(bench: Bench): Promise<object> {
  const { stack, service, folder, options } = bench;
  const bareFolder = join(folder, 'bare');
  const store = await storeOf(bench);
  let storedBytes = 0;
  // Neither way's files stay: what the one frees, memory and disk, the other finds, and both find the same.
  const ours = async (): Promise<number> => {
    let backup: Backup | undefined;
    const ms = await timed(async () => (backup = await backUp(bench)));
    say(`  Tidemark ${Math.round(ms)} ms`);
    storedBytes = backup?.storage_bytes ?? 0;
    await removeBackup(store, backup?.id ?? '');
    return ms;
  };
  const bare = async (): Promise<number> => {
    const ms = await timed(() => bareBackup(service, bareFolder));
    await rm(bareFolder, { recursive: true });
    say(`  bare     ${Math.round(ms)} ms`);
    return ms;
  };
  say('Warming up …');
  await bare();
  await ours();
  say('Measuring …');
  const times = await inTurns(options.runs, ours, bare);
  const memory = await memoryOf(stack);
  return { ...compare(times.ours, times.bare), stored_bytes: storedBytes, memory_bytes: memory };
}

async function benchRestore(bench: Bench): Promise<object> {
  const { stack, service, folder, options } = bench;
  say('Taking the backup that is restored …');
  const { id } = await backUp(bench);
  const file = await oneFile(await storeOf(bench), id, join(folder, 'bare'));
  const { pidFile } = sampleServer(join(folder, 'stack', 'mariadb'), 1);
  const notServing: number[] = [];
  const bareNotServing: number[] = [];
  const oursSteps: Steps[] = [];
  const bareSteps: Steps[] = [];
  const ours = async (): Promise<number> => {
    const probe = watchServer(service.socket, userInfo().username);
    let restoreId = 0;
    const ms = await timed(async () => (restoreId = await restore(bench, id)));
    oursSteps.push(await restoreSteps(stack.temporalAddress, restoreId));
    notServing.push(Math.round(await probe.stop()));
    say(`  Tidemark ${Math.round(ms)} ms, not serving for ${notServing.at(-1)} ms`);
    return ms;
  };
  const bare = async (): Promise<number> => {
    const probe = watchServer(service.socket, userInfo().username);
    const ms = await timed(async () => bareSteps.push(await bareRestore(service, file, pidFile)));
    bareNotServing.push(Math.round(await probe.stop()));
    await rm(`${service.data_directory}.replaced`, { recursive: true });
    say(`  bare     ${Math.round(ms)} ms, not serving for ${bareNotServing.at(-1)} ms`);
    return ms;
  };
  const times = await inTurns(options.runs, ours, bare);
  return {
    ...compare(times.ours, times.bare),
    not_serving_ms: notServing,
    bare_not_serving_ms: bareNotServing,
    ours_steps_ms: medians(oursSteps),
    bare_steps_ms: medians(bareSteps),
    memory_bytes: await memoryOf(stack),
  };
}

/** Of each step the median over the runs. */
function medians(runs: readonly Steps[]): Steps {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, Math.round(median(runs.map((steps) => steps[name] ?? 0)))]),
  );
}

async function backUp({ stack, service }: Bench): Promise<Backup> {
  const { backup_id: id = '' } = await stack.client.orderBackup(service.service_id);
  return succeeded(() => stack.client.backup(id));
}

function storeOf({ folder }: Bench): Promise<ObjectStore> {
  return openStore(pathToFileURL(dataPaths(join(folder, 'stack')).storage).href);
}

async function removeBackup(store: ObjectStore, backupId: string): Promise<void> {
  await store.delete(objectKeys.manifest(backupId));
  await removeParts(store, backupId);
}

/** @returns the restore's number */
async function restore({ stack, service }: Bench, backupId: string): Promise<number> {
  const { id } = await stack.client.orderRestore(backupId, service.service_id);
  await succeeded(() => stack.client.restore(id));
  return id;
}

async function succeeded<T extends Backup | Restore>(look: () => Promise<T>): Promise<T> {
  const ended = await untilEnded(look, undefined, { everyMs: lookMs });
  if (ended.status !== 'Succeeded') throw new Error(`It ended as ${ended.status}: ${ended.message ?? ''}`);
  return ended;
}

/** Temporal's server is not ours. */
function memoryOf(stack: Stack): Promise<Record<string, number>> {
  return peakMemory(stack.processes().filter(({ name }) => name !== 'temporal'));
}

function print({ json }: BenchOptions, figures: object): void {
  process.stdout.write(json ? `${JSON.stringify(figures)}\n` : asText(figures));
}

function asText(figures: object): string {
  const lines = Object.entries(figures).map(
    ([name, value]) => `${name.padEnd(20)} ${JSON.stringify(value)}\n`,
  );
  return lines.join('');
}

process.exitCode = await main(process.argv.slice(2));
