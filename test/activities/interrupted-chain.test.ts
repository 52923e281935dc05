/** A copy that was being brought forward when its agent died: what it is nobody can say, so it is made anew. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { backupActivities } from '../../activities/host/backup.ts';
import type { HostRestoreInput } from '../../activities/host/contract.ts';
import { type Host, operationFolder } from '../../activities/host/host.ts';
import { incrementalActivities } from '../../activities/host/incremental.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { operationOf } from '../../activities/host/site.ts';
import type { Layout } from '../../domain/layout.ts';
import type { BackupBase, BackupSummary } from '../../domain/manifest.ts';
import { appliedTo, markApplying } from '../../mariadb/restore/applied.ts';
import { namesIn } from '../../mariadb/restore/files.ts';
import { stagingFor } from '../../mariadb/restore/staging.ts';
import { readCheckpoints } from '../../mariadb/restore/tool-files.ts';
import { endLineage } from '../../mariadb/server/lineage.ts';
import { readManifest } from '../../storage/manifest.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let host: Host;

const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;
const idOf = (digit: string): string => `${digit.repeat(32)}:chain-1:chain-1`;

const settings = (): Record<string, unknown> => ({
  service_id: 'chain-1',
  state_directory: path.join(server.folder, 'state'),
  storage: `file://${path.join(server.folder, 'storage')}`,
  server: {
    defaults_file: server.settings.defaults_file,
    client_file: server.settings.client_file,
  },
});

beforeAll(async () => {
  server = await startTestServer({ name: 'chain' });
  host = await openHost(settings());
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.notes (id INT PRIMARY KEY) ENGINE=InnoDB');
});
afterAll(() => server.remove());

/** @param on the digit of the backup that it builds on; left out for a full */
async function take(digit: string, on?: string): Promise<BackupSummary> {
  await server.query(`INSERT INTO shop.notes VALUES (${Number(digit)})`);
  const order = {
    backupId: idOf(digit),
    serviceId: 'chain-1',
    workflowId: 'backup/of-a-test',
    deploymentId: 'a-deployment',
  };
  if (on === undefined) return await run(() => backupActivities(host).takeBackup(order));
  const { manifest } = await readManifest(host.store, idOf(on));
  const { lineage, binlog } = manifest;
  const base = {
    backupId: manifest.backupId,
    server: lineage.server,
    toLsn: lineage.toLsn,
    serverVersion: manifest.server.version,
    ...(binlog && { binlog }),
  };
  return await run(() => backupActivities(host).takeBackup({ ...order, base }));
}

let chain: BackupSummary[];

/** A restore of the last backup of the chain. */
function orderOf(restoreId: number): HostRestoreInput {
  const [full, first, second] = chain.map(({ backupId, manifestSha256 }) => ({ backupId, manifestSha256 }));
  return {
    restoreId,
    workflowId: 'restore/of-a-test',
    mode: 'side-by-side',
    ...second!,
    chain: [full!, first!],
  };
}

async function endOf({ backupId }: HostRestoreInput): Promise<number> {
  return (await readManifest(host.store, backupId)).manifest.lineage.toLsn;
}

test('is made anew from the full, and ends where its last incremental ends', async () => {
  chain = [await take('1'), await take('2', '1'), await take('3', '2')];
  const order = orderOf(1);
  const folder = operationFolder(host.settings.state_directory, operationOf(order));
  const { fetchBackup, prepareBackup } = restoreActivities(host);
  const { applyIncremental } = incrementalActivities(host);
  await run(() => fetchBackup(order));
  expect(await appliedTo(folder)).toBeUndefined();
  await run(() => prepareBackup(order));
  expect(await appliedTo(folder)).toBe(0);
  await run(() => applyIncremental({ ...order, number: 1 }));
  expect(await appliedTo(folder)).toBe(1);

  const layout = JSON.parse(await readFile(path.join(folder, 'layout.json'), 'utf8')) as Layout;
  const { data, incremental } = stagingFor(layout, order.restoreId);
  // As an agent leaves it that is killed while the tool changes files.
  await markApplying(folder, 2);
  await writeFile(path.join(data, 'ibdata1'), 'half of it');
  await run(() => applyIncremental({ ...order, number: 2 }));
  expect(await appliedTo(folder)).toBe(2);
  expect(await readCheckpoints(data)).toMatchObject({ prepared: true, toLsn: await endOf(order) });
  expect(await readdir(path.dirname(incremental))).not.toContain('incremental');
  // Again, after the answer was lost: there is nothing left to do.
  await run(() => applyIncremental({ ...order, number: 2 }));
  expect(await appliedTo(folder)).toBe(2);
});

test('incrementals are there when their turn comes, also when the store has gone away; one that did not come then comes in its turn', async () => {
  const order = orderOf(2);
  const folder = operationFolder(host.settings.state_directory, operationOf(order));
  const { fetchBackup, prepareBackup } = restoreActivities(host);
  const { applyIncremental } = incrementalActivities(host);
  await run(() => fetchBackup(order));
  await run(() => prepareBackup(order));
  const storage = path.join(server.folder, 'storage');
  await rename(storage, `${storage}-away`);
  try {
    await mkdir(storage);
    await run(() => applyIncremental({ ...order, number: 1 }));
    expect(await appliedTo(folder)).toBe(1);
    await expect(run(() => applyIncremental({ ...order, number: 2 }))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    expect(await appliedTo(folder)).toBe(1);
  } finally {
    await rm(storage, { recursive: true });
    await rename(`${storage}-away`, storage);
  }
  await run(() => applyIncremental({ ...order, number: 2 }));
  expect(await appliedTo(folder)).toBe(2);
  const layout = JSON.parse(await readFile(path.join(folder, 'layout.json'), 'utf8')) as Layout;
  const { data, incremental } = stagingFor(layout, order.restoreId);
  expect(await readCheckpoints(data)).toMatchObject({ prepared: true, toLsn: await endOf(order) });
  expect(await readdir(path.dirname(incremental))).not.toContain('incremental');
});

test('the next incremental is fetched while one is applied, and not where there is no room for both', async () => {
  for (const [restoreId, min_free, ahead] of [
    [3, '0', true],
    [4, '100T', false],
  ] as const) {
    const tight = await openHost({ ...settings(), restore: { min_free } });
    const order = orderOf(restoreId);
    const folder = operationFolder(tight.settings.state_directory, operationOf(order));
    await run(() => restoreActivities(tight).fetchBackup(order));
    await run(() => restoreActivities(tight).prepareBackup(order));
    const { applyIncremental } = incrementalActivities(tight);
    await run(() => applyIncremental({ ...order, number: 1 }));
    const layout = JSON.parse(await readFile(path.join(folder, 'layout.json'), 'utf8')) as Layout;
    const { data, incremental } = stagingFor(layout, restoreId);
    expect(await namesIn(incremental)).toEqual(ahead ? ['2'] : []);
    await run(() => applyIncremental({ ...order, number: 2 }));
    expect(await readCheckpoints(data)).toMatchObject({ toLsn: await endOf(order) });
  }
});

test('nothing builds on a backup of another life of the data, or of a server behind it', async () => {
  await endLineage(host.settings.state_directory);
  await expect(take('4', '3')).rejects.toMatchObject({ code: 'chain_broken' });
  await take('5');
  const { manifest } = await readManifest(host.store, idOf('5'));
  const base = {
    backupId: manifest.backupId,
    server: manifest.lineage.server,
    toLsn: manifest.lineage.toLsn,
    serverVersion: manifest.server.version,
  };
  const order = {
    backupId: idOf('6'),
    serviceId: 'chain-1',
    workflowId: 'backup/of-a-test',
    deploymentId: 'a-deployment',
  };
  const onto = (change: Partial<BackupBase>): Promise<unknown> =>
    run(() => backupActivities(host).takeBackup({ ...order, base: { ...base, ...change } }));
  await expect(onto({ toLsn: base.toLsn + 1e9 })).rejects.toThrow(/it is at LSN \d+, before \d+/);
  await expect(onto({ serverVersion: '10.6.4-MariaDB' })).rejects.toThrow(/The chain is of MariaDB 10\.6\.4/);
  const { file = '', position = 0 } = manifest.binlog ?? {};
  const ahead = { file, position: position + 1e6, gtid: '' };
  await expect(onto({ binlog: ahead })).rejects.toThrow(/its binlog .* ends at \d+, before the position/);
  const later = { file: file.replace(/\d+$/, '999999'), position, gtid: '' };
  await expect(onto({ binlog: later })).rejects.toThrow(/its newest binlog is .*, and the last backup noted/);
});
