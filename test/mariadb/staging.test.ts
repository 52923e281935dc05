import { expect, test } from '@jest/globals';
import { chmod, mkdir, mkdtemp, stat } from 'node:fs/promises';
import path from 'node:path';
import { createStaging, stagingFor } from '../../mariadb/restore/staging.ts';
import { runFolder } from '../support/run.ts';

const uid = process.getuid?.() ?? 0;
/** Another one than the agent's, where that can give files away. */
const owner = uid === 0 ? { uid: 4_711, gid: 4_711 } : { uid, gid: process.getgid?.() ?? 0 };

/** An attempt that was killed has made a folder, and not given it to the server's user any more. */
test.each(['.tidemark', '.tidemark/7', '.tidemark/7/new', '.tidemark/7/new/data'])(
  'the folder %s that a killed attempt has left is given to the server all the same',
  async (left) => {
    const base = await mkdtemp(path.join(runFolder(), 'staging-'));
    const live = path.join(base, 'data');
    await mkdir(live);
    await chmod(live, 0o755);
    await mkdir(path.join(base, left), { recursive: true });
    await chmod(path.join(base, left), 0o755);
    const layout = {
      members: [{ kind: 'data' as const, directory: live, mountPoint: false, files: [] }],
      innodbDataFiles: [],
      innodbPageSize: 16_384,
      lowerCaseTableNames: 0,
      binlogBasename: '',
      obstacles: [],
    };
    const staging = stagingFor(layout, 7);
    await createStaging(staging, owner);
    for (let folder = staging.data; folder !== base; folder = path.dirname(folder)) {
      const made = await stat(folder);
      expect([folder, made.uid, made.gid, made.mode & 0o7777]).toEqual([folder, owner.uid, owner.gid, 0o700]);
    }
    expect((await stat(live)).mode & 0o7777).toBe(0o755);
  },
);
