/** What must hold on a host after an operation has ended, however it was disturbed. */
import { expect } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { listOpenJournals } from '../../mariadb/cutover/journal.ts';
import type { TestService } from './stack.ts';

/** No journal is open, nothing of an operation is left but kept data, and no process of ours works on the server. */
export async function expectCleanHost(service: TestService): Promise<void> {
  expect(await listOpenJournals(service.stateDirectory)).toEqual([]);
  const folder = path.join(path.dirname(service.server.dataDirectory), '.tidemark');
  const restores = existsSync(folder) ? await readdir(folder) : [];
  for (const restore of restores) expect(await readdir(path.join(folder, restore))).toEqual(['previous']);
  expect(await readdir(path.join(service.stateDirectory, 'operations'))).toEqual([]);
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
  const ours = stdout
    .split('\n')
    .filter((line) => line.includes(service.stateDirectory) || line.includes(`${folder}/`));
  expect(ours.filter((line) => /mariadb-backup|mbstream|zstd|mariadbd/.test(line))).toEqual([]);
}
