/** Whatever breaks the history of a real server becomes a timeline or a hole, and each timeline is what its server had. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import type { HoleFacts, TimelineFacts } from '../../domain/archive/facts.ts';
import { noteRestore } from '../../mariadb/follow/restored.ts';
import { expectSame, rebuilt } from '../support/archived.ts';
import { archived, archiveOf, type Following, type Place } from '../support/follower.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/mariadb.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

let servers: TestServer[] = [];
let server: TestServer;
let place: Place;
let following: Following | undefined;

afterEach(async () => {
  await rest();
  for (const each of servers) await each.remove();
  servers = [];
});

async function begin(options: TestServerOptions = {}): Promise<void> {
  server = await started(options);
  place = await archiveOf(server);
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT)');
}

async function started(options: TestServerOptions = {}): Promise<TestServer> {
  const { config = [], ...others } = options;
  const made = await startTestServer({
    name: 'lines',
    config: ['innodb_flush_log_at_trx_commit=1', ...config],
    ...others,
  });
  servers.push(made);
  return made;
}

async function write(rows: number, to = server): Promise<void> {
  for (let row = 0; row < rows; row += 1) await to.query('INSERT INTO shop.t (t) VALUES (UUID())');
}

interface Found {
  timelines: TimelineFacts[];
  holes: HoleFacts[];
}

/** What it has told so far, each once, as it was told last. */
function found(): Found {
  const reports = following?.reports ?? [];
  const timelines = new Map(reports.flatMap((report) => report.timelines).map((each) => [each.id, each]));
  const holes = new Map(reports.flatMap((report) => report.holes).map((each) => [each.foundAt, each]));
  return { timelines: [...timelines.values()], holes: [...holes.values()] };
}

/** Follows until all is archived. @returns the timeline */
async function follow(on = server): Promise<string> {
  following ??= place.follow({ server: on.settings });
  return (await archived(following)).timeline;
}

/** Follows until it has found something. @returns the timeline, once all is archived */
async function followUntil(enough: (found: Found) => boolean, on = server): Promise<string> {
  following ??= place.follow({ server: on.settings });
  await until(() => Promise.resolve(enough(found())));
  return await follow(on);
}

async function rest(): Promise<void> {
  await following?.stop();
  following = undefined;
}

async function binlogs(of = server): Promise<{ file: string; size: number }[]> {
  const logs = await of.query<{ Log_name: string; File_size: number }>('SHOW BINARY LOGS');
  return logs.map(({ Log_name: file, File_size: size }) => ({ file, size }));
}

/** The files as they are now, the flag of a file in use aside. */
async function copies(directory = server.dataDirectory): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const { file } of await binlogs()) {
    const bytes = await readFile(path.join(directory, file));
    bytes[21]! &= ~1;
    files.set(file, bytes);
  }
  return files;
}

/** A timeline is, up to where it ends, what its server had then. */
async function expectKept(timeline: string, files: Map<string, Buffer>): Promise<void> {
  for (const [file, bytes] of files) {
    const ours = await rebuilt(place.archive, timeline, file);
    expect({ file, same: bytes.subarray(0, ours.length).equals(ours) }).toEqual({ file, same: true });
  }
  expect(files.size).toBeGreaterThan(0);
}

const gtidOf = async (of = server): Promise<string> =>
  (await of.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid'))[0]?.gtid ?? '';

test('files that were purged before they were archived are a hole in the timeline', async () => {
  await begin();
  await write(3);
  const timeline = await follow();
  const before = await gtidOf();
  await rest();
  await write(3);
  await server.query('FLUSH BINARY LOGS');
  await write(3);
  const lostAt = Date.now();
  await server.query('FLUSH BINARY LOGS');
  const after = await gtidOf();
  await write(3);
  await server.query("PURGE BINARY LOGS TO 'bin.000003'");
  expect(await followUntil(({ holes }) => holes.length > 0)).toBe(timeline);
  expect(found()).toMatchObject({
    timelines: [{ id: timeline, cause: 'first' }],
    holes: [
      {
        timeline,
        cause: 'purged',
        from: { file: 'bin.000001', gtid: before },
        to: { file: 'bin.000003', position: 0, gtid: after },
      },
    ],
  });
  expect(Date.parse(found().holes[0]?.toTime ?? '')).toBeGreaterThanOrEqual(lostAt);
  await expectSame(server, place.archive, timeline, { first: 'bin.000003' });
});

test('files that were purged when they were archived are no hole', async () => {
  await begin();
  await write(3);
  await server.query('FLUSH BINARY LOGS');
  const timeline = await follow();
  await rest();
  await server.query("PURGE BINARY LOGS TO 'bin.000002'");
  await write(3);
  expect(await follow()).toBe(timeline);
  expect(found().holes).toEqual([]);
});

/** Two empty files of one second begin with the same bytes: then their events alone tell them apart, as rewritten. */
async function laterSecond(): Promise<void> {
  await server.query('DO SLEEP(1.1)');
}

test('RESET MASTER, while it is followed and while it is not, begins a timeline that comes from nowhere', async () => {
  await begin();
  await server.query('FLUSH BINARY LOGS');
  await write(3);
  const first = await follow();
  const had = await copies();
  await laterSecond();
  await server.query('RESET MASTER');
  await write(3);
  const second = await followUntil(({ timelines }) => timelines.length > 1);
  expect(found().timelines[1]).toMatchObject({
    id: second,
    cause: 'reset',
    begins: { file: 'bin.000001', gtid: '' },
  });
  expect(found().timelines[1]).not.toHaveProperty('parent');
  expect(found().holes).toMatchObject([{ timeline: first, cause: 'purged', to: { file: 'bin.000001' } }]);
  await expectKept(first, had);
  await expectSame(server, place.archive, second);
  await rest();
  await laterSecond();
  await server.query('RESET MASTER');
  await write(5);
  const third = await followUntil(({ timelines }) =>
    timelines.some(({ id }) => ![first, second].includes(id)),
  );
  expect(found().timelines.at(-1)).toMatchObject({ id: third, cause: 'reset' });
  await expectSame(server, place.archive, third);
});

test('a server without its binlog for a while has a hole, and a timeline from then on', async () => {
  await begin();
  await write(3);
  const first = await follow();
  const config = await readFile(server.defaultsFile, 'utf8');
  await server.stop();
  await writeFile(server.defaultsFile, `${config}skip_log_bin\n`);
  await server.start();
  await until(() => Promise.resolve(found().holes.length > 0));
  expect(found().holes).toMatchObject([
    { timeline: first, cause: 'binlog_off', from: { file: 'bin.000001' } },
  ]);
  expect(found().holes[0]).not.toHaveProperty('to');
  await rest();
  await write(3);
  await server.stop();
  await writeFile(server.defaultsFile, config);
  await server.start();
  await write(3);
  const second = await followUntil(({ timelines }) => timelines.length > 1);
  expect(second).not.toBe(first);
  expect(found().timelines.at(-1)).toMatchObject({
    cause: 'binlog_off',
    begins: { file: 'bin.000002', position: 0 },
  });
  expect(found().timelines.at(-1)).not.toHaveProperty('parent');
  expect(found().holes.at(-1)).toMatchObject({ cause: 'binlog_off', to: { file: 'bin.000002' } });
  await expectSame(server, place.archive, second, { first: 'bin.000002' });
});

test('transactions that a power cut took away and that are issued again branch off where both are the same', async () => {
  await begin({ config: ['sync_binlog=0'] });
  await write(3);
  const first = await follow();
  const common = await gtidOf();
  const [{ size: cut } = { size: 0 }] = await binlogs();
  await write(4);
  await follow();
  const had = await copies();
  await server.kill();
  // What was not written back when the power went: the end of the file, with the middle of a transaction.
  await truncate(path.join(server.dataDirectory, 'bin.000001'), cut + 60);
  await server.start();
  await write(2);
  const second = await followUntil(({ timelines }) => timelines.length > 1);
  const [, branched] = found().timelines;
  expect(branched).toMatchObject({
    id: second,
    cause: 'rewritten',
    parent: first,
    branch: { file: 'bin.000001', position: cut, gtid: common },
    begins: { file: 'bin.000001', position: cut, gtid: common },
  });
  expect(found().holes).toEqual([]);
  await expectKept(first, had);
  const [, ...others] = await binlogs();
  expect(others).toHaveLength(1);
  await expectSame(server, place.archive, second, { first: 'bin.000002' });
  expect((await rebuilt(place.archive, second, 'bin.000001')).length).toBe(cut);
});

/** Copies what the server has, while it is stopped, and later puts it back. */
async function keep(what: string): Promise<() => Promise<void>> {
  const source = path.join(server.folder, what);
  const kept = path.join(server.folder, `kept-${path.basename(what)}`);
  await copy(source, kept);
  return async () => {
    await rm(source, { recursive: true });
    await copy(kept, source);
  };
}

/** With owners. */
async function copy(from: string, to: string): Promise<void> {
  await run('cp', ['-a', from, to]);
}

test('data that was put back with what the server knew of its binlog branches inside the file before', async () => {
  await begin({ layout: { binlog: true } });
  const directory = path.join(server.folder, 'binlog');
  await write(3);
  const first = await follow();
  const common = await gtidOf();
  await server.stop();
  const puttingBack = [await keep('data'), await keep('binlog/bin.state')];
  await server.start();
  await write(4);
  await follow();
  await rest();
  const had = await copies(directory);
  await server.stop();
  for (const putBack of puttingBack) await putBack();
  await server.start();
  await write(2);
  const second = await followUntil(({ timelines }) => timelines.length > 1);
  expect(found().timelines.find(({ id }) => id === second)).toMatchObject({
    cause: 'behind',
    parent: first,
    branch: { file: 'bin.000001', gtid: common },
    begins: { file: 'bin.000003', position: 0, gtid: common },
  });
  await expectKept(first, had);
});

test('data that was put back under binlogs that go on is found by the LSN', async () => {
  await begin({ layout: { binlog: true } });
  await write(3);
  await follow();
  await server.stop();
  const putBack = await keep('data');
  await server.start();
  await write(50);
  const first = await follow();
  await rest();
  // Another look, after which the LSN is known.
  await follow();
  await rest();
  await server.stop();
  await putBack();
  await server.start();
  const second = await followUntil(({ timelines }) => timelines.length > 1);
  const begun = found().timelines.find(({ id }) => id === second);
  expect(begun).toMatchObject({ cause: 'lsn', begins: { file: 'bin.000003' } });
  expect(begun).not.toHaveProperty('parent');
  expect(found().holes.at(-1)).toMatchObject({ timeline: first, cause: 'unarchived' });
});

test('another server under the old names is a timeline of its own', async () => {
  await begin();
  await write(3);
  const first = await follow();
  const had = await copies();
  await rest();
  const other = await started({ name: 'other' });
  await other.query('CREATE DATABASE shop');
  const second = await followUntil(({ timelines }) => timelines.length > 1, other);
  expect(found().timelines.find(({ id }) => id === second)).toMatchObject({
    cause: 'replaced',
    begins: { file: 'bin.000001', position: 0, gtid: '' },
  });
  await expectKept(first, had);
  await expectSame(other, place.archive, second);
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

test('a replica that takes over goes on in a timeline that branches where both are the same', async () => {
  const port = await freePort();
  const config = ['skip_networking=0', 'bind_address=127.0.0.1', `port=${port}`];
  await begin({ config });
  await server.query("CREATE USER 'repl'@'%' IDENTIFIED BY 'x'");
  await server.query("GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'");
  const replica = await started({ name: 'replica', config: ['log_slave_updates=ON', 'log_bin=other'] });
  // The accounts that a test server is made with are in no history of the other.
  await replica.query('RESET MASTER');
  await replica.query('DROP DATABASE IF EXISTS shop');
  await replica.query("DROP USER 'tidemark'@'localhost'");
  await replica.query('RESET MASTER');
  await replica.query(
    `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${port}, MASTER_USER='repl', MASTER_PASSWORD='x', MASTER_USE_GTID=slave_pos`,
  );
  await replica.query('START SLAVE');
  await write(3);
  const first = await follow();
  const common = await gtidOf();
  await replica.query('DO MASTER_GTID_WAIT(?, 30)', [common]);
  await replica.query('STOP SLAVE');
  // The old server confirms these, and nobody else ever has them.
  await write(2);
  await follow();
  await rest();
  const had = await copies();
  await server.kill();
  await replica.query('RESET SLAVE ALL');
  await write(3, replica);
  const second = await followUntil(({ timelines }) => timelines.length > 1, replica);
  const begun = found().timelines.find(({ id }) => id === second);
  expect(begun).toMatchObject({
    cause: 'failover',
    parent: first,
    branch: { file: 'bin.000001', gtid: common },
    begins: { file: 'other.000001', gtid: common },
  });
  expect(found().holes).toEqual([]);
  const bytes = await readFile(path.join(server.dataDirectory, 'bin.000001'));
  bytes[21]! &= ~1;
  await expectKept(first, had.size > 0 ? had : new Map([['bin.000001', bytes]]));
  await expectSame(replica, place.archive, second);
});

test('a restore of ours branches where its backup stands, and undoing it goes on in the old timeline', async () => {
  await begin();
  await write(3);
  const first = await follow();
  const [{ size: position } = { size: 0 }] = await binlogs();
  const gtid = await gtidOf();
  await server.stop();
  await server.start();
  await write(3);
  await follow();
  await rest();
  const had = await copies();
  await server.stop();
  const putBack = await keep('data');
  // A restored copy has no binlogs.
  for (const file of [...had.keys(), 'bin.index', 'bin.state'])
    await rm(path.join(server.dataDirectory, file), { force: true });
  await noteRestore(path.join(place.folder, 'state'), {
    restoreId: 1,
    workflowId: 'restore/1/abc',
    mode: 'in-place',
    branch: { file: 'bin.000001', position, gtid },
    timeline: first,
    replaced: { file: 'bin.000002', position: 700 },
  });
  await server.start();
  await write(2);
  const second = await followUntil(({ timelines }) => timelines.length > 1);
  expect(found().timelines.find(({ id }) => id === second)).toMatchObject({
    cause: 'restore',
    parent: first,
    branch: { file: 'bin.000001', position, gtid },
    replaced: { file: 'bin.000002', position: 700 },
    begins: { file: 'bin.000001', position: 0, gtid: '' },
  });
  expect(found().holes).toEqual([]);
  await expectSame(server, place.archive, second);
  await rest();
  await server.stop();
  await putBack();
  await server.start();
  await write(2);
  expect(await follow()).toBe(first);
  await expectSame(server, place.archive, first);
});
