/** What must hold on a host after an operation has ended, however it was disturbed. */
import { expect } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { listJournals, listOpenJournals } from '../../mariadb/cutover/journal.ts';
import type { TestService } from './stack.ts';
import { until } from './until.ts';

/** No journal is open, nothing of an operation is left but kept data, and no process of ours works on the server. */
export async function expectCleanHost(service: TestService): Promise<void> {
  expect(await listOpenJournals(service.stateDirectory)).toEqual([]);
  const folder = path.join(path.dirname(service.server.dataDirectory), '.tidemark');
  const left = async (): Promise<string[]> => {
    const names: string[] = [];
    const journals = await listJournals(service.stateDirectory);
    for (const restore of await readdir(folder).catch(() => [])) {
      const journal = journals.find(({ restoreId }) => String(restoreId) === restore);
      const kept = journal?.restored?.fate === 'kept' ? ['previous', 'undone'] : ['previous'];
      const found = await readdir(path.join(folder, restore)).catch(() => []);
      names.push(...found.filter((name) => !kept.includes(name)));
    }
    return [...new Set(names)];
  };
  // What a restore had put there goes a moment after its undo has ended.
  await until(async () => (await left()).every((name) => name !== 'undone'));
  expect(await left()).toEqual([]);
  expect(await readdir(path.join(service.stateDirectory, 'operations'))).toEqual([]);
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
  const ours = stdout
    .split('\n')
    .filter((line) => line.includes(service.stateDirectory) || line.includes(`${folder}/`));
  expect(ours.filter((line) => /mariadb-backup|mbstream|zstd|mariadbd/.test(line))).toEqual([]);
}
