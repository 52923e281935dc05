/** The follower on real servers: after whatever happens, the archive is event for event the server's binlog. */
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import { findPorts } from '../../embedded/ports.ts';
import { connect } from '../../mariadb/server/sql.ts';
import { allHeaders, expectSame, expectSound, headersOf } from '../support/archived.ts';
import { archived, archiveOf, type Following, type Place, writeRows } from '../support/follower.ts';
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

/** On one connection. */
async function session(...statements: string[]): Promise<void> {
  await using connection = await connect(server.settings, { user: userInfo().username, password: '' });
  for (const statement of statements) await connection.query(statement);
}

const write = (rows: number, bytes?: number): Promise<void> => writeRows(server, rows, bytes);
const headers = (timeline: string): Promise<SegmentHeader[]> => allHeaders(place.archive, timeline);

describe('of a server', () => {
  beforeAll(() => begin({ config: ['max_binlog_size=1M', 'innodb_flush_log_at_trx_commit=0'] }));
  afterAll(() => server.remove());

  test('what is written is archived while it is followed, file after file', async () => {
    const start = { file: await freshPlace(), position: 4 };
    following = place.follow({ start });
    await write(20);
    const state = await archived(following);
    const [{ gtid } = { gtid: '' }] = await server.query<{ gtid: string }>(
      'SELECT @@gtid_binlog_pos AS gtid',
    );
    expect(state).toMatchObject({ trouble: '', archived: { file: start.file, gtid } });
    await server.query('FLUSH BINARY LOGS');
    await write(20);
    await archived(following);
    expect(await expectSame(server, place.archive, state.timeline, { first: start.file })).toHaveLength(2);
    expect(following.reports.flatMap(({ timelines }) => timelines)).toMatchObject([
      { id: state.timeline, cause: 'first', begins: { file: start.file, position: 0 } },
    ]);
    expectSound(await headers(state.timeline));
  });

  test('every kind of transaction keeps its bounds, GTIDs of several domains included', async () => {
    const start = { file: await freshPlace(), position: 4 };
    following = place.follow({ start, intervalMs: 100, settings: small });
    for (const format of ['ROW', 'STATEMENT', 'MIXED']) {
      await session(
        `SET binlog_format = '${format}', gtid_domain_id = 5`,
        "INSERT INTO shop.t (t) VALUES ('one'), ('two')",
        'SET gtid_domain_id = 4294967295, server_id = 4294967294',
        'UPDATE shop.t SET t = UUID() ORDER BY id LIMIT 1',
        'SET gtid_domain_id = 0',
        "XA START 'x'",
        "INSERT INTO shop.t (t) VALUES ('xa')",
        "XA END 'x'",
        "XA PREPARE 'x'",
        "XA COMMIT 'x'",
        'CREATE TABLE shop.m (i INT) ENGINE = MyISAM',
        'INSERT INTO shop.m VALUES (1)',
        'DROP TABLE shop.m',
        'FLUSH BINARY LOGS',
      );
    }
    await server.query('SET GLOBAL log_bin_compress = ON');
    await session("INSERT INTO shop.t (t) VALUES (REPEAT('a', 50000))");
    await server.query('SET GLOBAL log_bin_compress = OFF');
    const state = await archived(following);
    const [{ gtid } = { gtid: '' }] = await server.query<{ gtid: string }>(
      'SELECT @@gtid_binlog_pos AS gtid',
    );
    expect(state.archived.gtid).toBe(gtid);
    await expectSame(server, place.archive, state.timeline, { first: start.file });
    const all = await headers(state.timeline);
    expectSound(all);
    expect(all.every(({ end, wholeEnd }) => end === wholeEnd)).toBe(true);
  });

  test('files without checksums are archived, and those in which they begin again', async () => {
    const start = { file: await freshPlace(), position: 4 };
    following = place.follow({ start });
    await server.query('SET GLOBAL binlog_checksum = NONE');
    try {
      await write(5);
      await archived(following);
    } finally {
      await server.query('SET GLOBAL binlog_checksum = CRC32');
    }
    await write(5);
    const { timeline } = await archived(following);
    await expectSame(server, place.archive, timeline, { first: start.file });
    expect(new Set((await headers(timeline)).map((header) => header.server.checksum))).toEqual(
      new Set(['NONE', 'CRC32']),
    );
  });

  test('a transaction larger than segment and spool goes through in several segments, and so does one event', async () => {
    const start = { file: await freshPlace(), position: 4 };
    const bytes = longRun ? 300_000_000 : 4_000_000;
    const settings = { segment_size: 256 * 1024, spool_size: 1024 * 1024 };
    following = place.follow({ start, settings, intervalMs: 100 });
    await server.query(`INSERT INTO shop.t (t) SELECT RANDOM_BYTES(1000) FROM shop.seq_1_to_${bytes / 1000}`);
    await server.query('INSERT INTO shop.t (t) VALUES (REPEAT(RANDOM_BYTES(1000), 900))');
    await write(3);
    const { timeline } = await archived(following);
    await expectSame(server, place.archive, timeline, { first: start.file });
    const all = await headers(timeline);
    expect(all.every(({ start: from, end }) => end - from <= settings.segment_size)).toBe(true);
    expect(all.filter(({ open }) => open).length).toBeGreaterThan(10);
    expect(all.some(({ end, eventEnd }) => eventEnd < end)).toBe(true);
  });

  test('when a file is closed its small segments are one, and there are no more objects than those', async () => {
    const start = { file: await freshPlace(), position: 4 };
    following = place.follow({ start, intervalMs: 100 });
    for (let turn = 0; turn < 5; turn += 1) {
      await write(2);
      await archived(following);
    }
    const { timeline } = following.follower.state;
    expect((await headersOf(place.archive, timeline, start.file)).length).toBeGreaterThan(3);
    await server.query('FLUSH BINARY LOGS');
    await write(1);
    await archived(following);
    await until(async () => (await headersOf(place.archive, timeline, start.file)).length === 1);
    const [header] = await headersOf(place.archive, timeline, start.file);
    expect(header).toMatchObject({ start: 0, closed: 'rotate' });
    expectSound([header!]);
    expect(header!.clock.length).toBeGreaterThan(1);
    await expectSame(server, place.archive, timeline, { first: start.file });
    const store = path.join(place.folder, 'store/orders/timelines', timeline, start.file);
    await until(async () => (await readdir(store)).length === 2);
    const joined = following.reports.flatMap((report) => report.joined);
    expect(joined.every(({ file }) => file === start.file)).toBe(true);
  });

  test('what is encrypted for recipients opens with an identity of theirs', async () => {
    const start = { file: await freshPlace(), position: 4 };
    const identity = path.join(place.folder, 'identity');
    await run('age-keygen', ['-o', identity]);
    const { stdout } = await run('age-keygen', ['-y', identity]);
    following = place.follow({ start, recipients: [stdout.trim()] });
    await write(5);
    const { timeline } = await archived(following);
    await expectSame(server, place.archive, timeline, { first: start.file, identity });
    expect((await headers(timeline)).every(({ recipients }) => recipients[0] === stdout.trim())).toBe(true);
  });

  test('while nothing is written, the archive confirms ever later instants and grows by nothing', async () => {
    const start = { file: await freshPlace(), position: 4 };
    following = place.follow({ start, intervalMs: 100 });
    await write(2);
    const before = await archived(following);
    const again = following;
    await until(() =>
      Promise.resolve((again.follower.state.archivedTime ?? '') > (before.archivedTime ?? '')),
    );
    await sleep(1_000);
    const count = (await headers(before.timeline)).length;
    await write(1);
    const { timeline } = await archived(following);
    const all = await headers(timeline);
    expect(all).toHaveLength(count + 1);
    // Of the second in which nothing was written two looks are enough.
    expect(all.at(-1)!.clock.length).toBeLessThan(6);
    expect(all.at(-1)!.clock[0]!.t0 > all.at(-2)!.clock.at(-1)!.t0).toBe(true);
  });
});

test('of a replica that writes what it replicates, and of very many small files, all is archived', async () => {
  const [port = 0] = await findPorts([{ option: '--port', port: 0 }]);
  const source = await startTestServer({
    name: 'source',
    config: ['skip_networking=0', 'bind_address=127.0.0.1', `port=${port}`],
  });
  await begin({ config: ['log_slave_updates', 'gtid_domain_id=3', 'innodb_flush_log_at_trx_commit=0'] });
  try {
    place = await archiveOf(server);
    following = place.follow({ intervalMs: 100 });
    await source.query('RESET MASTER');
    await source.query("GRANT REPLICATION SLAVE ON *.* TO 'replica'@'127.0.0.1' IDENTIFIED BY 'p'");
    await replicate(port);
    await source.query('CREATE DATABASE copied');
    await source.query('CREATE TABLE copied.t (i INT)');
    for (let turn = 0; turn < (longRun ? 5_000 : 40); turn += 1) {
      await source.query('INSERT INTO copied.t VALUES (1)');
      await server.query('FLUSH BINARY LOGS');
    }
    await until(async () => {
      const [row] = await server.query<{ n: number }>('SELECT COUNT(*) AS n FROM copied.t');
      return row?.n === (longRun ? 5_000 : 40);
    });
    const { timeline, archived: point } = await archived(following);
    expect(point.gtid).toMatch(/^0-\d+-\d+,3-\d+-\d+$/);
    expect((await expectSame(server, place.archive, timeline)).length).toBeGreaterThan(40);
  } finally {
    await stop();
    await source.remove();
    await server.remove();
  }
});

async function replicate(port: number): Promise<void> {
  await server.query(
    `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = 'replica', MASTER_PASSWORD = 'p', MASTER_USE_GTID = slave_pos`,
  );
  await server.query('START SLAVE');
}

describe('of a server that encrypts its binlogs', () => {
  beforeAll(async () => {
    const key = path.join(await mkdtempFor(), 'keys');
    await writeFile(key, `1;${'ab'.repeat(32)}\n`, { mode: 0o644 });
    await begin({
      config: [
        'plugin_load_add=file_key_management',
        `file_key_management_filename=${key}`,
        'encrypt_binlog=ON',
      ],
    });
  });
  afterAll(() => server.remove());

  test('the archive has them as the server sends them, wherever it went on', async () => {
    const start = { file: await freshPlace(), position: 4 };
    for (let turn = 0; turn < 3; turn += 1) {
      following = place.follow({ start, intervalMs: 100, settings: small });
      await write(5, 20_000);
      await archived(following);
      await stop();
    }
    following = place.follow({ start });
    const { timeline } = await archived(following);
    await server.query('FLUSH BINARY LOGS');
    await archived(following);
    await expectSame(server, place.archive, timeline, { first: start.file, asSent: true });
    expect((await headersOf(place.archive, timeline, start.file))[0]?.server.encrypted).toBe(true);
  });
});

async function mkdtempFor(): Promise<string> {
  const { mkdtemp, chmod } = await import('node:fs/promises');
  const { runFolder } = await import('../support/run.ts');
  const folder = await mkdtemp(path.join(runFolder(), 'keys-'));
  await chmod(folder, 0o755);
  return folder;
}
