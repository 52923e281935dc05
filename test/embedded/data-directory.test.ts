/** Who can look into the stack's data directory. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '../../catalog/open.ts';
import { prepareDataDirectory } from '../../embedded/data-directory.ts';
import { dataPaths, type DataPaths } from '../../embedded/paths.ts';

let folder: string;
let paths: DataPaths;
const passable = userInfo().uid === 0 ? 0o711 : 0o700;
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'data-'));
  paths = dataPaths(join(folder, 'some', 'data'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

test('it is closed to others, who can at most get through to the sample servers', async () => {
  await prepareDataDirectory(paths);
  expect([await modeOf(paths.root), await modeOf(paths.mariadb)]).toEqual([passable, passable]);
  for (const path of [paths.run, paths.logs, paths.agents]) expect(await modeOf(path)).toBe(0o700);
});

test('the catalog in it is its owner’s alone, with the files beside it', async () => {
  await prepareDataDirectory(paths);
  const catalog = await openCatalog(`sqlite://${paths.catalog}`);
  try {
    await catalog.migrate();
    for (const end of ['', '-wal', '-shm']) expect(await modeOf(`${paths.catalog}${end}`)).toBe(0o600);
  } finally {
    await catalog.close();
  }
});

test('one of before is closed at the start; a folder with other things in it keeps its mode', async () => {
  await mkdir(paths.mariadb, { recursive: true });
  for (const file of [paths.catalog, `${paths.temporal}-wal`]) await writeFile(file, '', { mode: 0o644 });
  for (const path of [paths.root, paths.mariadb]) await chmod(path, 0o755);
  await writeFile(join(paths.root, 'mine'), '');
  await prepareDataDirectory(paths);
  expect(await modeOf(paths.root)).toBe(0o755);
  expect([await modeOf(paths.catalog), await modeOf(`${paths.temporal}-wal`)]).toEqual([0o600, 0o600]);
  await rm(join(paths.root, 'mine'));
  await prepareDataDirectory(paths);
  expect([await modeOf(paths.root), await modeOf(paths.mariadb)]).toEqual([passable, passable]);
});
