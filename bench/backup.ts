/** `npm run bench -- backup`: a backup into a local folder against the same programs in a shell. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backup } from '../client/answers.ts';
import { bareBackup } from './bare.ts';
import { compare, inTurns, timed } from './figures.ts';
import { peakMemory } from './processes.ts';
import { backUp, localStore, ourProcesses, removeBackup, type Bench } from './subject.ts';

export async function benchBackup(bench: Bench): Promise<object> {
  const { stack, service, folder, options, say } = bench;
  const bareFolder = join(folder, 'bare');
  const store = await localStore(bench);
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
  const memory = await peakMemory(ourProcesses(stack));
  return { ...compare(times.ours, times.bare), stored_bytes: storedBytes, memory_bytes: memory };
}
