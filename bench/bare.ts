/** The other side of the comparison: the same programs, joined by a shell. */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { sampleServer } from '../embedded/sample-server.ts';
import { runProgram } from '../mariadb/processes/run.ts';
import type { StackService } from '../embedded/services.ts';
import { readManifest } from '../storage/manifest.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Steps } from './figures.ts';
import type { Bench } from './subject.ts';

/**
 * Backs up into the file `backup` of `folder`, which is made.
 *
 * @param recipient an age public key that it is encrypted for; empty: for nobody
 * @param fromLsn only what was changed since; left out for a full
 */
export function bareBackup(
  service: StackService,
  folder: string,
  { recipient = '', fromLsn }: { recipient?: string | undefined; fromLsn?: number } = {},
): Promise<Steps> {
  const args = [service.defaults_file, folder, recipient];
  return script('bare-backup.sh', fromLsn === undefined ? args : [...args, String(fromLsn)]);
}

/** The parts of a backup, one after the other in one file: both ways restore the same bytes. @returns the file */
export async function oneFile(store: ObjectStore, backupId: string, folder: string): Promise<string> {
  const file = join(folder, 'backup');
  await mkdir(folder);
  await using whole = await open(file, 'wx');
  const { manifest } = await readManifest(store, backupId);
  for (const { key } of manifest.streams.flatMap(({ parts }) => parts))
    await whole.appendFile(await store.get(key));
  await whole.sync();
  return file;
}

export interface BareSource {
  /** A file, or an address that curl fetches. */
  backup: string;
  /** A file with age identities; empty: the backup is not encrypted. */
  identity?: string;
  /** A file with options of curl. */
  curlConfig?: string;
}

export function bareRestore({ service, folder }: Bench, source: BareSource): Promise<Steps> {
  const { defaults_file: defaults, data_directory: data, socket } = service;
  const { pidFile } = sampleServer(join(folder, 'stack', 'mariadb'), 1);
  const { backup, identity = '', curlConfig = '' } = source;
  return script('bare-restore.sh', [backup, defaults, data, socket, pidFile, identity, curlConfig]);
}

/** @returns milliseconds of each step, by its name */
async function script(name: string, args: string[]): Promise<Steps> {
  const { code, signal, stdout, stderr } = await runProgram(join(import.meta.dirname, name), args);
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}: ${stderr}`);
  const lines = stdout.trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => line.split(' ')).map(([step = '', ms]) => [step, Number(ms)]),
  );
}
