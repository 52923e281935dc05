/** The end of a binlog that nobody had read when its server was stopped, to be replaced. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { allHeaders, rebuilt } from '../support/archived.ts';
import { binlogEnd, saveTail, type TailOptions } from '../../mariadb/follow/tail.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { archived, archiveOf, type Following, type Place, writeRows } from '../support/follower.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';
import { until } from '../support/until.ts';

/** Two transactions are large then, and what is large is not read again. */
const small = { segment_size: 1024 };

let server: TestServer;
let place: Place;
let following: Following | undefined;
let warnings: string[];

beforeAll(async () => {
  server = await startTestServer({ name: 'tail' });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t LONGBLOB)');
});
afterAll(() => server.remove());
afterEach(async () => {
  await stop();
  await server.start();
});

async function stop(): Promise<void> {
  await following?.stop();
  following = undefined;
}

/** Follows until some rows are archived, and no more. @returns where the archive begins, and its timeline */
async function followed(
  settings: { intervalMs?: number } = {},
): Promise<{ first: string; timeline: string }> {
  await server.query('FLUSH BINARY LOGS');
  place = await archiveOf(server);
  const [status] = await server.query<{ File: string }>('SHOW MASTER STATUS');
  const first = status?.File ?? '';
  following = place.follow({ start: { file: first, position: 4 }, ...settings });
  await writeRows(server, 3);
  const { timeline } = await archived(following);
  return { first, timeline };
}

/** @returns whether all is archived, or will be */
async function take(options: Partial<TailOptions> = {}): Promise<boolean> {
  warnings = [];
  const log = { ...silentLog, warn: (_: unknown, message?: string) => void warnings.push(String(message)) };
  const layout = await inspectLayout(server.settings);
  const stateDirectory = path.join(place.folder, 'state');
  return await saveTail({ stateDirectory, layout, spoolSize: 1024 ** 3, log, ...options });
}

/** The server is away, and its files with it: what is archived now was in the spool. */
async function expectArchived(
  first: string,
  timeline: string,
  settings: { segment_size?: number } = {},
): Promise<void> {
  const names = (await readdir(server.dataDirectory)).filter((name) => /^bin\.\d+$/.test(name));
  const kept = await mkdtemp(path.join(runFolder(), 'kept-'));
  const wanted = names.filter((name) => name >= first).toSorted();
  for (const name of wanted) await cp(path.join(server.dataDirectory, name), path.join(kept, name));
  following = place.follow({ settings });
  for (const name of wanted) {
    const theirs = await readFile(path.join(kept, name));
    const end = async (): Promise<boolean> =>
      (await allHeaders(place.archive, timeline)).some(
        (header) => header.file === name && header.end === theirs.length,
      );
    await until(end, 30_000);
    expect((await rebuilt(place.archive, timeline, name)).equals(theirs)).toBe(true);
  }
  await rm(kept, { recursive: true });
}

test('what was written after the follower was ended is archived, in several files, to the last byte', async () => {
  const { first, timeline } = await followed();
  await stop();
  await writeRows(server, 20, 3_000);
  await server.query('FLUSH BINARY LOGS');
  await server.query('FLUSH BINARY LOGS');
  await writeRows(server, 5);
  await server.stop();
  expect([await take(), await take()]).toEqual([true, true]);
  expect(warnings).toEqual([]);
  const end = await binlogEnd(await inspectLayout(server.settings));
  await expectArchived(first, timeline);
  // What is archived ends where the binlog does.
  const [last] = (await allHeaders(place.archive, timeline)).filter(({ closed }) => closed === 'stop');
  expect(end).toEqual({ file: last?.file, position: last?.end });
});

test('the same where it was read from the middle of a file on, and what was read had not been shipped', async () => {
  const { first, timeline } = await followed({ intervalMs: 60_000 });
  await stop();
  following = place.follow({ intervalMs: 60_000, settings: small });
  await writeRows(server, 30, 300);
  await archived(following);
  await stop();
  following = place.follow({ intervalMs: 60_000, settings: small });
  await archived(following);
  const note = await readFile(path.join(place.folder, 'state/follow/spool.json'), 'utf8');
  expect(JSON.parse(note)).toMatchObject({ file: first, position: expect.any(Number) });
  expect((JSON.parse(note) as { position: number }).position).toBeGreaterThan(1_000);
  await writeRows(server, 4);
  await stop();
  await writeRows(server, 4);
  await server.stop();
  await take();
  expect(warnings).toEqual([]);
  await expectArchived(first, timeline, small);
});

test('a server that was killed: what it had written', async () => {
  const { first, timeline } = await followed();
  await stop();
  await writeRows(server, 5);
  const [status] = await server.query<{ Position: number }>('SHOW MASTER STATUS');
  await server.kill();
  await take();
  following = place.follow();
  const there = async (): Promise<boolean> =>
    (await allHeaders(place.archive, timeline)).some(
      ({ file, wholeEnd }) => file === first && wholeEnd >= Number(status?.Position),
    );
  await until(there, 30_000);
});

test('what has no room in the spool is named', async () => {
  await followed();
  await stop();
  await writeRows(server, 2, 50_000);
  await server.stop();
  expect(await take({ spoolSize: 0 })).toBe(false);
  expect(warnings).toEqual([expect.stringMatching(/does not fit into the spool \(binlog\.spool_size\)/)]);
});

test('another file of the same name is left alone', async () => {
  await followed();
  await stop();
  await server.query('RESET MASTER');
  await server.query('FLUSH BINARY LOGS');
  await writeRows(server, 2);
  await server.stop();
  const spool = path.join(place.folder, 'state/follow/spool');
  const before = await readdir(spool);
  expect(await take()).toBe(false);
  expect([await readdir(spool), warnings]).toEqual([before, []]);
});

test('of a timeline that was never written, and where nobody follows, nothing is said to be archived', async () => {
  await followed();
  await stop();
  await server.stop();
  expect(await take()).toBe(true);
  const state = path.join(place.folder, 'state/follow');
  const note = JSON.parse(await readFile(path.join(state, 'spool.json'), 'utf8')) as object;
  await writeFile(path.join(state, 'spool.json'), JSON.stringify({ ...note, timeline: 'f'.repeat(32) }));
  expect(await take()).toBe(false);
  await rm(path.join(state, 'spool.json'));
  expect(await take()).toBe(false);
});
