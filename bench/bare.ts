/** The other side of the comparison: the same programs, joined by a shell. */
import { join } from 'node:path';
import { runProgram } from '../mariadb/processes/run.ts';
import type { StackService } from '../embedded/services.ts';

/** @returns the file with the backup */
export async function bareBackup(service: StackService, folder: string): Promise<string> {
  await script('bare-backup.sh', [service.defaults_file, folder]);
  return join(folder, 'backup.zst');
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
