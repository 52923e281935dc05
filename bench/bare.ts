/** The other side of the comparison: the same programs, joined by a shell. */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../mariadb/processes/run.ts';
import type { StackService } from '../embedded/services.ts';
import { readManifest } from '../storage/manifest.ts';
import type { ObjectStore } from '../storage/store.ts';

/** @returns the file with the backup */
export async function bareBackup(service: StackService, folder: string): Promise<string> {
  await script('bare-backup.sh', [service.defaults_file, folder]);
  return join(folder, 'backup.zst');
}

/** The parts of a backup, one after the other in one file: both ways restore the same bytes. @returns the file */
export async function oneFile(store: ObjectStore, backupId: string, folder: string): Promise<string> {
  const file = join(folder, 'backup.zst');
  await mkdir(folder);
  await using whole = await open(file, 'wx');
  const { manifest } = await readManifest(store, backupId);
  for (const { key } of manifest.streams.flatMap(({ parts }) => parts))
    await whole.appendFile(await store.get(key));
  await whole.sync();
  return file;
}

/** @returns milliseconds of each step, by its name */
export async function bareRestore(
  service: StackService,
  backup: string,
  pidFile: string,
): Promise<Record<string, number>> {
  const { defaults_file: defaults, data_directory: data, socket } = service;
  const steps = await script('bare-restore.sh', [backup, defaults, data, socket, pidFile]);
  return Object.fromEntries(
    steps
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name = '', ms]) => [name, Number(ms)]),
  );
}

async function script(name: string, args: string[]): Promise<string> {
  const { code, signal, stdout, stderr } = await runProgram(join(import.meta.dirname, name), args);
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}: ${stderr}`);
  return stdout;
}
