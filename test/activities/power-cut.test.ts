/** A machine that goes down after a backup was unpacked, and before the copy was synced, may have lost half of it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { backupActivities } from '../../activities/host/backup.ts';
import { type Host, operationFolder } from '../../activities/host/host.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { operationOf } from '../../activities/host/site.ts';
import type { Layout } from '../../domain/layout.ts';
import { stagingFor } from '../../mariadb/restore/staging.ts';
import { currentBoot, lostInPowerCut, markSynced, markUnpacked } from '../../mariadb/restore/unpacked.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let host: Host;
const backup = {
  backupId: `${'0c'.repeat(16)}:cut-1:cut-1`,
  serviceId: 'cut-1',
  workflowId: 'backup/of-a-test',
  deploymentId: 'a-deployment',
};
const order = {
  restoreId: 1,
  workflowId: 'restore/of-a-test',
  backupId: backup.backupId,
  mode: 'side-by-side' as const,
  manifestSha256: '',
};

beforeAll(async () => {
  server = await startTestServer({ name: 'cut' });
  host = await openHost({
    service_id: 'cut-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
    },
  });
  const taken = await runActivity(() => backupActivities(host).takeBackup(backup)).result;
  order.manifestSha256 = taken.manifestSha256;
});
afterAll(() => server.remove());

const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;
const marks = (): string => operationFolder(host.settings.state_directory, operationOf(order));

/** A file of the copy that every server has. */
async function unpackedFile(): Promise<string> {
  const layout = JSON.parse(await readFile(path.join(marks(), 'layout.json'), 'utf8')) as Layout;
  const { data } = stagingFor(layout, order.restoreId);
  expect(await readdir(data)).toContain('ibdata1');
  return path.join(data, 'ibdata1');
}

describe('a copy that was cut short by a power cut', () => {
  test('is fetched again before it is prepared', async () => {
    const activities = restoreActivities(host);
    await run(() => activities.fetchBackup(order));
    const file = await unpackedFile();
    const { size } = await stat(file);
    await truncate(file, 0);
    await writeFile(path.join(marks(), 'unpacked'), 'another boot');
    await run(() => activities.prepareBackup(order));
    expect((await stat(file)).size).toBe(size);
    expect(await lostInPowerCut(marks())).toBe(false);
  });

  test('is not suspected once it was synced, whatever boot it is', async () => {
    expect(await readFile(path.join(marks(), 'unpacked'), 'utf8')).toBe('synced');
  });
});

test('the mark of this boot says that nothing was lost, that of another that something may be', async () => {
  const folder = server.folder;
  expect(await lostInPowerCut(folder)).toBe(false);
  await markUnpacked(folder);
  expect(await readFile(path.join(folder, 'unpacked'), 'utf8')).toBe(await currentBoot());
  expect(await lostInPowerCut(folder)).toBe(false);
  await writeFile(path.join(folder, 'unpacked'), 'another boot');
  expect(await lostInPowerCut(folder)).toBe(true);
  await markSynced(folder);
  expect(await lostInPowerCut(folder)).toBe(false);
});
