/** A copy onto which binlogs were being replayed when its agent died: it is made anew, and comes to the same place. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { backupActivities } from '../../activities/host/backup.ts';
import { type Host, operationFolder } from '../../activities/host/host.ts';
import { replayActivities } from '../../activities/host/replay-activities.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { operationOf } from '../../activities/host/site.ts';
import { binlogSettings } from '../../config/agent.ts';
import type { FollowState } from '../../domain/archive/facts.ts';
import type { Layout } from '../../domain/layout.ts';
import { Follower } from '../../mariadb/follow/follower.ts';
import { appliedTo, markReplaying, replayedTo } from '../../mariadb/restore/applied.ts';
import { stagingFor } from '../../mariadb/restore/staging.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { openArchive } from '../../storage/segments.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let host: Host;

const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;
const serviceId = 'replay-1';

beforeAll(async () => {
  server = await startTestServer({ name: 'interrupted' });
  host = await openHost({
    service_id: serviceId,
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
    },
  });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.notes (id INT PRIMARY KEY) ENGINE=InnoDB');
});
afterAll(() => server.remove());

/** Archives all that the server has written. */
async function archive(): Promise<FollowState> {
  const ended = new AbortController();
  const follower = new Follower({
    server: server.settings,
    archive: openArchive(host.store, serviceId),
    serviceId,
    agentId: 'agent',
    recipients: [],
    stateDirectory: path.join(server.folder, 'follower'),
    intervalMs: 200,
    settings: binlogSettings.parse({}),
    log: silentLog,
    start: { file: 'bin.000001', position: 4 },
    signal: ended.signal,
  });
  const running = follower.run(() => Promise.resolve()).catch(() => undefined);
  try {
    return await follower.flush(AbortSignal.timeout(60_000));
  } finally {
    ended.abort();
    await running;
  }
}

test('is made anew, and ends where the binlogs end', async () => {
  const full = await run(() =>
    backupActivities(host).takeBackup({
      backupId: `${'1'.repeat(32)}:${serviceId}:${serviceId}`,
      serviceId,
      workflowId: 'backup/of-a-test',
      deploymentId: 'a-deployment',
    }),
  );
  for (let id = 1; id <= 5; id += 1) await server.query(`INSERT INTO shop.notes VALUES (${id})`);
  const { timeline, archived } = await archive();
  const start = full.binlog!;
  const order = {
    restoreId: 1,
    workflowId: 'restore/of-a-test',
    mode: 'side-by-side' as const,
    backupId: full.backupId,
    manifestSha256: full.manifestSha256,
    replay: {
      serviceId,
      start,
      ranges: [
        {
          timeline,
          from: { file: start.file, position: start.position },
          to: { file: archived.file, position: archived.position },
        },
      ],
      stop: { at: 'end' as const, gtid: archived.gtid },
    },
  };
  const folder = operationFolder(host.settings.state_directory, operationOf(order));
  const { verifyObjects, fetchBackup, prepareBackup, checkCopy } = restoreActivities(host);
  const { selectBinlogs, replayBinlogs } = replayActivities(host);
  expect(await run(() => selectBinlogs(order))).toMatchObject({
    files: 1,
    stop: { file: archived.file, position: archived.position },
  });
  // In place, what does not follow the copy is seen while the data is there.
  const inPlace = { ...order, restoreId: 2, mode: 'in-place' as const };
  await run(() => verifyObjects(inPlace));
  const other = { ...order.replay, start: { ...start, gtid: '0-1-999' } };
  await expect(run(() => verifyObjects({ ...inPlace, replay: other }))).rejects.toThrow();
  expect(existsSync(stagingFor(await inspectLayout(server.settings), 2).binlogs)).toBe(false);
  await run(() => fetchBackup(order));
  await run(() => prepareBackup(order));
  await expect(run(() => checkCopy(order))).rejects.toMatchObject({ code: 'replay_failed' });

  const layout = JSON.parse(await readFile(path.join(folder, 'layout.json'), 'utf8')) as Layout;
  const { data, binlogs } = stagingFor(layout, order.restoreId);
  expect(await readdir(binlogs)).toEqual(['1']);
  // As an agent leaves it that is killed while the private server replays.
  await markReplaying(folder);
  await writeFile(path.join(data, 'ibdata1'), 'half of it');
  expect(await appliedTo(folder)).toBeUndefined();
  const report = await run(() => replayBinlogs(order));
  expect(report).toMatchObject({ transactions: 5, way: 'relay', reached: { ...archived, timeline } });
  expect(await readdir(path.dirname(binlogs))).not.toContain('binlogs');
  // Again, after the answer was lost: there is nothing left to do.
  const { seconds, ...same } = report;
  expect(seconds).toBeGreaterThan(0);
  expect(await run(() => replayBinlogs(order))).toMatchObject(same);
  expect(await replayedTo(folder)).toMatchObject(same);
  const { reached } = await run(() => checkCopy(order));
  expect(reached).toEqual({
    gtid: archived.gtid,
    binlog_file: archived.file,
    binlog_position: archived.position,
    timeline,
  });
});
