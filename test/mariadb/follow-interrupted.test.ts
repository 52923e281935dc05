/** Following that is interrupted: by its end, by the server's, by the store's, by another reader. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import { allHeaders, expectSame, expectSound } from '../support/archived.ts';
import { archived, archiveOf, type Following, type Place, troubled, writeRows } from '../support/follower.ts';
import { longRun } from '../support/long.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/mariadb.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
/** So small that everything of a real server happens with little: cuts, joins, a full spool. */
const small = { segment_size: 64 * 1024, spool_size: 1024 * 1024 };

let server: TestServer;
let place: Place;
let following: Following | undefined;

async function begin(options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer({ name: 'follow', ...options });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t LONGBLOB)');
}

/** Each test has an archive of its own, from the file on that is written now. */
async function freshPlace(): Promise<string> {
  await server.query('FLUSH BINARY LOGS');
  place = await archiveOf(server);
  const [status] = await server.query<{ File: string }>('SHOW MASTER STATUS');
  return status?.File ?? '';
}

async function stop(): Promise<void> {
  await following?.stop();
  following = undefined;
}
afterEach(stop);

const write = (rows: number, bytes?: number): Promise<void> => writeRows(server, rows, bytes);
const headers = (timeline: string): Promise<SegmentHeader[]> => allHeaders(place.archive, timeline);

beforeAll(() => begin({ config: ['max_binlog_size=1M', 'innodb_flush_log_at_trx_commit=0'] }));
afterAll(() => server.remove());

test('ended at any moment and begun again, it loses nothing and has nothing twice', async () => {
  const start = { file: await freshPlace(), position: 4 };
  let writing = true;
  const writer = (async () => {
    for (let turn = 0; writing; turn += 1) {
      await write(1, turn % 20 === 7 ? 300_000 : 200);
      if (turn % 60 === 59) await server.query('FLUSH BINARY LOGS');
    }
  })();
  for (let turn = 0; turn < (longRun ? 100 : 12); turn += 1) {
    following = place.follow({ start, intervalMs: 100, settings: small });
    await sleep(Math.random() * 900);
    await stop();
  }
  writing = false;
  await writer;
  following = place.follow({ start, intervalMs: 100, settings: small });
  const { timeline } = await archived(following);
  await expectSame(server, place.archive, timeline, { first: start.file });
  expectSound(await headers(timeline));
  expect(await place.archive.timelines()).toHaveLength(1);
});

test('what was in the spool when it was ended is archived, though the server is gone', async () => {
  const start = { file: await freshPlace(), position: 4 };
  following = place.follow({ start, intervalMs: 60_000 });
  await write(3);
  const before = await archived(following);
  await write(3);
  const [status] = await server.query<{ Position: number }>('SHOW MASTER STATUS');
  const spooled = path.join(place.folder, 'state/follow/spool', start.file);
  await until(
    async () => (await run('stat', ['-c', '%s', spooled])).stdout.trim() === String(status?.Position),
  );
  await stop();
  await server.stop();
  try {
    following = place.follow({ start });
    const again = following;
    await until(() => Promise.resolve(again.follower.state.archived.position === status?.Position));
    expect(before.archived.position).toBeLessThan(Number(status?.Position));
    await stop();
  } finally {
    await server.start();
  }
});

test('a second reader with its server id is named, and both are not for long in each other’s way', async () => {
  const start = { file: await freshPlace(), position: 4 };
  following = place.follow({ start, settings: { server_id: 77_777 } });
  await write(1);
  await archived(following);
  const other = execFile('mariadb-binlog', [
    `--defaults-file=${server.settings.client_file}`,
    '--read-from-remote-server',
    '--raw',
    '--stop-never',
    '--stop-never-slave-server-id=77777',
    `--result-file=${place.folder}/`,
    start.file,
  ]);
  other.on('error', () => undefined);
  await troubled(following, /server id 77777.*binlog\.server_id/);
  await write(1);
  const { timeline } = await archived(following);
  await expectSame(server, place.archive, timeline, { first: start.file });
  other.kill();
});

test('a store that is away is waited for and said, and the spool stays within its bounds', async () => {
  const start = { file: await freshPlace(), position: 4 };
  following = place.follow({ start, intervalMs: 100, settings: { ...small, segment_size: 1024 * 1024 } });
  await write(1);
  const { timeline } = await archived(following);
  const folder = path.join(place.folder, 'store/.tidemark-temporary');
  await run('mv', [folder, `${folder}-away`]);
  try {
    await write(40, 200_000);
    await troubled(following, /\.tidemark-temporary|store/);
    const again = following;
    await until(() => Promise.resolve(again.follower.state.spoolBytes > small.spool_size));
    await until(() => Promise.resolve(again.follower.state.lagBytes > 6_000_000));
  } finally {
    await run('mv', [`${folder}-away`, folder]);
  }
  expect((await archived(following)).trouble).toBe('');
  await expectSame(server, place.archive, timeline, { first: start.file });
});

test('a server that is killed, stopped and started is followed on', async () => {
  const start = { file: await freshPlace(), position: 4 };
  following = place.follow({ start });
  for (const how of ['kill', 'stop', 'kill'] as const) {
    await write(3);
    await archived(following);
    await write(3);
    await server[how]();
    await troubled(following, /./);
    await server.start();
  }
  await write(3);
  const { timeline } = await archived(following);
  await expectSame(server, place.archive, timeline, { first: start.file });
  expectSound(await headers(timeline));
  expect(following.reports.flatMap(({ holes }) => holes)).toEqual([]);
});
