/** What cannot be removed keeps nothing else, and nobody counts on its room. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Journal, readJournal, writeJournal } from '../../mariadb/cutover/journal.ts';
import { markExpired, removeMarked } from '../../mariadb/cutover/previous.ts';
import type { Log } from '../../mariadb/context.ts';
import { silentLog } from '../support/mariadb.ts';

const hourMs = 3_600_000;
const now = Date.now();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tidemark-previous-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A restore of two hours ago. @returns where what it replaced is kept */
async function restored(restoreId: number, previous: Journal['previous'], work: string): Promise<string> {
  const member = {
    kind: 'data' as const,
    live: path.join(folder, 'data'),
    folder: path.join(work, `${restoreId}`),
  };
  const directory = path.join(member.folder, 'previous', 'data');
  const incoming = path.join(member.folder, 'new', 'data');
  const owner = { uid: 0, gid: 0, mode: 0o700 };
  const files = { renamed: true, files: [], missing: false, foreign: [] };
  await writeJournal(path.join(folder, 'state'), {
    format: 1,
    restoreId,
    workflowId: `restore/${restoreId}/of-a-test`,
    state: 'committed',
    step: 'commit',
    served: true,
    members: [{ ...member, ...owner, ...files, incoming, previous: directory }],
    newData: '1-1',
    beganAt: new Date(now - 2 * hourMs).toISOString(),
    committedAt: new Date(now - 2 * hourMs).toISOString(),
    keepUntil: now + hourMs,
    previous,
  });
  return directory;
}

async function filled(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'ibdata1'), 'rows');
  return directory;
}

test('one thing that cannot be removed stops neither what comes behind it, nor the making of room', async () => {
  const stateDirectory = path.join(folder, 'state');
  const work = path.join(folder, '.tidemark');
  // No file system takes such a name.
  await restored(1, 'removing', path.join(folder, 'x'.repeat(300)));
  const marked = await filled(await restored(2, 'removing', work));
  const kept = await filled(await restored(3, 'kept', work));
  const told: unknown[] = [];
  const log: Log = { ...silentLog, error: (fields) => void told.push(fields) };
  const stuck = new Set<number>();
  const place = { stateDirectory, stuck, log };
  const short = { ...place, minFreeBytes: Number.MAX_SAFE_INTEGER, now };
  const locked = (run: () => Promise<void>): Promise<void> => run();

  expect(await markExpired(short)).toBe(2);
  expect(await removeMarked({ ...place, locked })).toEqual([2]);
  expect([existsSync(marked), existsSync(kept), [...stuck]]).toEqual([false, true, [1]]);
  expect(await markExpired(short)).toBe(1);
  expect(await removeMarked({ ...place, locked })).toEqual([3]);
  expect(existsSync(kept)).toBe(false);
  // It is told once, and tried again.
  expect(told).toEqual([{ restoreId: 1, reason: expect.stringContaining('ENAMETOOLONG') }]);
  expect(await readJournal(stateDirectory, 1)).toMatchObject({ previous: 'removing' });
  await rm(path.join(stateDirectory, 'journals'), { recursive: true });
});
