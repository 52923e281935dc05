/** From the archive to a replayed copy: what was followed, fetched and replayed is what the source was. */
import { rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { RecoveryStop } from '../../domain/archive/plan-types.ts';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { microInstant, microseconds } from '../../domain/archive/instants.ts';
import type { ArchivePoint } from '../../domain/archive/facts.ts';
import { fetchBinlogs } from '../../mariadb/replay/fetch.ts';
import type { BinlogFile } from '../../mariadb/replay/order.ts';
import { type Selection, selectSegments } from '../../mariadb/replay/select.ts';
import type { Connection } from '../../mariadb/server/sql.ts';
import { serverOwner, testAttempt } from '../support/copies.ts';
import { archived, archiveOf } from '../support/follower.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';
import {
  beginReplaySource,
  prove,
  removeCopy,
  replayCopy,
  type ReplaySource,
  session,
} from '../support/replay.ts';

const { identity, recipient } = newAgeIdentity();
const { signal } = new AbortController();
let server: TestServer;
let source: ReplaySource;
let archive: SegmentArchive;
let connection: Connection;
let timeline: string;
let end: ArchivePoint;
/** Of each row the server's clock before it was written, and after it was confirmed. */
const rows: { id: number; before: number; after: number; gtid: string }[] = [];

async function now(): Promise<number> {
  const [row] = await connection.query<{ now: string }[]>(
    "SELECT DATE_FORMAT(CONVERT_TZ(SYSDATE(6), @@time_zone, '+00:00'), '%Y-%m-%dT%H:%i:%s.%fZ') AS now",
  );
  return microseconds(row!.now);
}

async function insert(id: number): Promise<void> {
  const before = await now();
  await connection.query('INSERT INTO shop.t VALUES (?, REPEAT(UUID(), 200))', [id]);
  const after = await now();
  const [row] = await connection.query<{ gtid: string }[]>('SELECT @@gtid_binlog_pos AS gtid');
  rows.push({ id, before, after, gtid: row!.gtid });
}

beforeAll(async () => {
  server = await startTestServer({ name: 'replay-archive' });
  connection = await session(server);
  await connection.query('CREATE DATABASE shop');
  await connection.query('CREATE TABLE shop.t (id INT PRIMARY KEY, text LONGTEXT)');
  const place = await archiveOf(server);
  ({ archive } = place);
  const following = place.follow({
    intervalMs: 200,
    recipients: [recipient],
    settings: { segment_size: 16_384 },
  });
  // So that the backup stands in the middle of a file, behind segments that nobody needs.
  for (let id = 1; id <= 3; id += 1) await insert(id);
  await archived(following);
  source = await beginReplaySource(server);
  rows.length = 0;
  for (let id = 11; id <= 22; id += 1) {
    await insert(id);
    if (id % 5 === 0) await connection.query('FLUSH BINARY LOGS');
    await sleep(60);
  }
  await sleep(500);
  const state = await archived(following);
  timeline = state.timeline;
  end = state.archived;
  await following.stop();
});
afterAll(async () => {
  connection.destroy();
  await server.remove();
});

async function select(stop: RecoveryStop): Promise<Selection> {
  const range = { timeline, from: source.backup.binlog, to: end };
  return await selectSegments(archive, [range], stop, signal);
}

async function fetchAll({ files }: Selection, key: string | undefined = identity): Promise<BinlogFile[]> {
  return await fetchBinlogs(files, {
    server: server.settings,
    archive,
    identity: key,
    folder: path.join(runFolder(), 'fetched-archive'),
    owner: await serverOwner(),
    attempt: await testAttempt(),
  });
}

async function idsAt(stop: RecoveryStop): Promise<{ ids: number[]; selection: Selection }> {
  const selection = await select(stop);
  const files = await fetchAll(selection);
  const copy = await replayCopy(source, await prove(source, files, selection.stop), {
    query: 'SELECT id FROM shop.t WHERE id > 10 ORDER BY id',
  });
  await removeCopy(copy);
  return { ids: copy.rows.map(({ id }) => Number(id)), selection };
}

test('to an instant: all that was confirmed by then, nothing that was begun after what is told', async () => {
  const time = rows[6]!.after;
  const { ids, selection } = await idsAt({ at: 'time', time: microInstant(time) });
  const notAfter = microseconds(selection.notAfter!);
  for (const { id, before, after } of rows) {
    if (after <= time) expect(ids).toContain(id);
    if (before > notAfter) expect(ids).not.toContain(id);
  }
  expect(ids.length).toBeLessThan(rows.length);
  expect(notAfter).toBeGreaterThanOrEqual(time);
  // Neither the file's first segments nor the files behind the stop.
  expect(selection.files[0]!.segments[0]!.start).toBeGreaterThan(0);
});

test('to a transaction, to just before it, and to the end', async () => {
  const { gtid } = rows[4]!;
  expect((await idsAt({ at: 'gtid', gtid, before: false })).ids).toEqual([11, 12, 13, 14, 15]);
  expect((await idsAt({ at: 'gtid', gtid, before: true })).ids).toEqual([11, 12, 13, 14]);
  expect((await idsAt({ at: 'end', gtid: end.gtid })).ids).toEqual(rows.map(({ id }) => id));
});

describe('what is not whole is refused before anything is replayed', () => {
  const all: RecoveryStop = { at: 'end', gtid: '' };

  test('a binlog that is missing, and one that ends too early', async () => {
    const selection = await select(all);
    const files = await fetchAll(selection);
    expect(files.length).toBeGreaterThan(2);
    await expect(prove(source, files.toSpliced(1, 1), selection.stop)).rejects.toMatchObject({
      code: 'binlog_gap',
    });
    const { segments } = selection.files[1]!;
    const boundary = segments[0]!.index[0]!.position;
    await truncate(files[1]!.path, boundary);
    await expect(prove(source, files, selection.stop)).rejects.toMatchObject({ code: 'binlog_gap' });
  });

  test('a byte that is another one', async () => {
    const selection = await select(all);
    const files = await fetchAll(selection);
    await writeFile(files[1]!.path, Buffer.from([0xff]), { flag: 'r+' });
    await expect(prove(source, files, selection.stop)).rejects.toMatchObject({ code: 'binlog_damaged' });
  });

  test('a transaction that is nowhere, a place inside of one, and a base that is not the one of the binlogs', async () => {
    const selection = await select(all);
    const files = await fetchAll(selection);
    const not = { code: 'target_not_found' };
    await expect(prove(source, files, { after: '0-1-999999' })).rejects.toMatchObject(not);
    const inside = { file: end.file, position: end.position - 1 };
    await expect(prove(source, files, { at: inside })).rejects.toMatchObject(not);
    const whole = files.map(({ name, path: place }) => ({ name, path: place }));
    const { binlog } = source.backup;
    const other = {
      ...source,
      backup: { ...source.backup, binlog: { ...binlog, file: files[1]!.name, position: 256 } },
    };
    await expect(prove(other, whole.slice(1), selection.stop)).rejects.toMatchObject({ code: 'binlog_gap' });
  });

  test('a segment that is not in the archive any more', async () => {
    const { files } = await select(all);
    const [gone] = files[1]!.segments;
    await archive.remove({ ...gone!, timeline }, true);
    await expect(select(all).then(fetchAll)).rejects.toMatchObject({ code: 'binlog_gap' });
  });

  test('a segment that another identity has', async () => {
    const selection = await select({ at: 'gtid', gtid: rows[0]!.gtid, before: false });
    await expect(fetchAll(selection, newAgeIdentity().identity)).rejects.toMatchObject({
      code: 'identity_unavailable',
    });
    await rm(path.join(runFolder(), 'fetched-archive'), { recursive: true, force: true });
  });
});
