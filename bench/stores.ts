/** `npm run bench -- stores`: backups to a folder, to S3 and to Google Cloud Storage, and restores from there, against the same by hand. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newAgeIdentity } from '../domain/age-identity.ts';
import { bareBackup, bareRestore, oneFile } from './bare.ts';
import { inTurns, median, timed } from './figures.ts';
import { openPlace, placeNames, type Place } from './places.ts';
import { peakMemory } from './processes.ts';
import { backupSteps, restoreSteps } from './steps.ts';
import { figuresOf, summaryOf, type PlaceFigures } from './stores-figures.ts';
import {
  backUp,
  load,
  ourProcesses,
  removeBackup,
  removeReplaced,
  restore,
  withStack,
  type Bench,
  type Setting,
} from './subject.ts';
import { Taken } from './taken.ts';

/** Who can open what is encrypted. */
interface Age {
  recipient: string;
  /** The file with the identity. */
  identity: string;
}

/** @returns the figures of each store, by its name */
export async function benchStores(setting: Setting): Promise<object> {
  const { folder, options, say } = setting;
  const age = options.encrypted ? await makeAge(folder) : undefined;
  const names = options.only === undefined ? placeNames : [options.only];
  const figures: Record<string, PlaceFigures> = {};
  for (const name of names) {
    say(`Measuring ${name} …`);
    const own = join(folder, name);
    const place = await openPlace(name, own);
    try {
      const { storage, environment } = place;
      const given = {
        storage,
        environment,
        ...(age && { recipients: [age.recipient], identity: age.identity }),
      };
      figures[name] = await withStack(setting, given, async (bench) => {
        // The data lies with the stack, which is started again in the same folder for the next store.
        if (name === names[0]) await load(bench);
        return measured(bench, place, age);
      });
    } finally {
      await place.stop();
    }
    await rm(own, { recursive: true });
    for (const line of summaryOf(name, figures[name])) say(line);
  }
  return { encrypted: options.encrypted, stores: figures };
}

async function makeAge(folder: string): Promise<Age> {
  const { identity, recipient } = newAgeIdentity();
  const file = join(folder, 'age-identity');
  await writeFile(file, `${identity}\n`, { mode: 0o600 });
  return { recipient, identity: file };
}

async function measured(bench: Bench, place: Place, age: Age | undefined): Promise<PlaceFigures> {
  const backup = await measureBackup(bench, place, age);
  const restored = await measureRestore(bench, place, age);
  return { backup, restore: restored, memory_bytes: await peakMemory(ourProcesses(bench.stack)) };
}

async function measureBackup(
  bench: Bench,
  place: Place,
  age: Age | undefined,
): Promise<PlaceFigures['backup']> {
  const { stack, service, folder, options, say } = bench;
  const store = await place.open();
  const processes = ourProcesses(stack);
  const taken = { ours: new Taken(folder, processes), bare: new Taken(folder, processes) };
  const uploads: number[] = [];
  let storedBytes = 0;
  const ours = async (): Promise<number> => {
    let id = '';
    const ms = await taken.ours.during(async () => {
      const ended = await backUp(bench);
      storedBytes = ended.storage_bytes ?? 0;
      id = ended.id;
      return () => backupSteps(stack.temporalAddress, id, ended.schedule_id);
    });
    await removeBackup(store, id);
    say(`  Tidemark ${Math.round(ms)} ms`);
    return ms;
  };
  const bareFolder = join(folder, 'bare');
  const bare = async (): Promise<number> => {
    const ms = await taken.bare.during(async () => {
      const steps = await bareBackup(service, bareFolder, { recipient: age?.recipient });
      return () => Promise.resolve(steps);
    });
    const upload = await timed(() => place.upload(join(bareFolder, 'backup')));
    uploads.push(upload);
    await rm(bareFolder, { recursive: true });
    say(`  bare     ${Math.round(ms)} ms, its upload by curl ${Math.round(upload)} ms`);
    return ms;
  };
  say('Backups: warming up …');
  await bare();
  await ours();
  for (const list of [taken.ours, taken.bare]) list.forget();
  uploads.length = 0;
  say('Backups: measuring …');
  await inTurns(options.runs, ours, bare);
  const figures = figuresOf(taken.ours, taken.bare);
  const withUpload = Math.round(median(taken.bare.ms.map((ms, run) => ms + (uploads[run] ?? 0))));
  return {
    ...figures,
    stored_bytes: storedBytes,
    bare_upload_ms: uploads.map(Math.round),
    bare_with_upload_median_ms: withUpload,
    ratio_with_upload: Math.round((figures.ours_median_ms / withUpload) * 1000) / 1000,
  };
}

async function measureRestore(
  bench: Bench,
  place: Place,
  age: Age | undefined,
): Promise<PlaceFigures['restore']> {
  const { stack, service, folder, options, say } = bench;
  say('Restores: taking the backup that is restored …');
  const { id } = await backUp(bench);
  const file = await oneFile(await place.open(), id, join(folder, 'bare'));
  await place.upload(file);
  await rm(join(folder, 'bare'), { recursive: true });
  const processes = ourProcesses(stack);
  const taken = { ours: new Taken(folder, processes), bare: new Taken(folder, processes) };
  const ours = async (): Promise<number> => {
    const ms = await taken.ours.during(async () => {
      const number = await restore(bench, id);
      return () => restoreSteps(stack.temporalAddress, number);
    });
    await removeReplaced(bench);
    say(`  Tidemark ${Math.round(ms)} ms`);
    return ms;
  };
  const { address, curlConfig } = place;
  const bare = async (): Promise<number> => {
    const ms = await taken.bare.during(async () => {
      const source = { backup: address, curlConfig, ...(age && { identity: age.identity }) };
      const steps = await bareRestore(bench, source);
      return () => Promise.resolve(steps);
    });
    await rm(`${service.data_directory}.replaced`, { recursive: true });
    say(`  bare     ${Math.round(ms)} ms`);
    return ms;
  };
  say('Restores: measuring …');
  await inTurns(options.runs, ours, bare);
  await removeBackup(await place.open(), id);
  return figuresOf(taken.ours, taken.bare);
}
