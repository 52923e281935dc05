/** Our reader on what real servers write, event by event against mariadb-binlog's own reading of the same files. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BinlogDamage } from '../../domain/binlog/damage.ts';
import { GtidState, gtidText } from '../../domain/binlog/gtid.ts';
import { connect } from '../../mariadb/server/sql.ts';
import { longRun } from '../support/long.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { eventsByMariadbBinlog, type OurReading, readFileByUs } from '../support/mariadb-binlog.ts';

const run = promisify(execFile);
const account = { user: userInfo().username, password: '' };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ name: 'reader', config: ['innodb_flush_log_at_trx_commit=0'] });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, k DOUBLE, t LONGTEXT)');
});
afterAll(() => server.remove());

/** On one connection, so that what is set holds for what comes after. */
async function session(...statements: string[]): Promise<void> {
  await using connection = await connect(server.settings, account);
  for (const statement of ['USE shop', ...statements]) await connection.query(statement);
}

async function files(): Promise<string[]> {
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  return logs.map(({ Log_name: name }) => path.join(server.dataDirectory, name));
}

/** Reads a file in both ways. */
async function compare(file: string): Promise<OurReading> {
  const ours = await readFileByUs(file);
  expect(ours.events.length).toBeGreaterThan(1);
  expect(ours.events).toEqual(await eventsByMariadbBinlog(file));
  expect(ours.end.position).toBe((await stat(file)).size);
  return ours;
}

/** What happens in a file of its own, closed by FLUSH. */
async function inOneFile(...statements: string[]): Promise<OurReading> {
  await server.query('FLUSH BINARY LOGS');
  await session(...statements);
  await server.query('FLUSH BINARY LOGS');
  const ours = await compare((await files()).at(-2) ?? '');
  expect(ours.end).toMatchObject({ closed: 'rotate', torn: undefined });
  expect(ours.tracker.wholeTo).toBe(ours.end.position);
  return ours;
}

const endings = ({ transactions }: OurReading): string[] => transactions.map(({ ending }) => ending);
const whats = ({ events }: OurReading): Set<string> =>
  new Set(events.map(({ what }) => what.split(/[ :]/)[0] ?? ''));

describe.each(['ROW', 'STATEMENT', 'MIXED'])('in the format %s', (format) => {
  test('transactions, statements outside of them and DDL are what mariadb-binlog says, and each ends where it ends', async () => {
    const ours = await inOneFile(
      `SET binlog_format = '${format}', @word = 'ü'`,
      'INSERT INTO t (k) VALUES (1), (2), (3)',
      'INSERT INTO t (k, t) VALUES (RAND(), @word), (LAST_INSERT_ID(), UUID())',
      'START TRANSACTION',
      'UPDATE t SET k = k + 1',
      'SAVEPOINT a',
      'DELETE FROM t WHERE id = 1',
      'ROLLBACK TO SAVEPOINT a',
      'INSERT INTO t (k) SELECT k FROM t',
      'COMMIT',
      'CREATE TABLE m (i INT) ENGINE = MyISAM',
      'INSERT INTO m VALUES (1)',
      'CREATE TABLE c SELECT * FROM t',
      'CREATE TEMPORARY TABLE u (i INT)',
      'INSERT INTO u VALUES (1)',
      'INSERT INTO m SELECT * FROM u',
      'DROP TABLE c, m',
      'ANALYZE TABLE t',
    );
    expect(endings(ours)).toContain('statement');
    expect(endings(ours)).toContain('xid');
    expect(endings(ours)).toContain('commit');
    expect(endings(ours)).not.toContain('nothing');
  });
});

test('several domains and servers chain from file to file as the lists of GTIDs say', async () => {
  const first = await inOneFile(
    'SET gtid_domain_id = 5',
    'INSERT INTO t (k) VALUES (1)',
    'SET gtid_domain_id = 4294967295, server_id = 4294967294',
    'INSERT INTO t (k) VALUES (2)',
    'SET gtid_domain_id = 0',
    'INSERT INTO t (k) VALUES (3)',
    'SET gtid_domain_id = 7, gtid_seq_no = 9223372036854775807',
    'INSERT INTO t (k) VALUES (4)',
  );
  const { gtids } = await listOf((await files()).at(-2) ?? '');
  const state = new GtidState(gtids);
  for (const { gtid } of first.transactions) state.advance(gtid);
  const next = await listOf((await files()).at(-1) ?? '');
  expect(new GtidState(next.gtids).equals(state)).toBe(true);
  const [{ position } = { position: '' }] = await server.query<{ position: string }>(
    'SELECT @@gtid_binlog_pos AS position',
  );
  expect(state.position()).toBe(position);
});

async function listOf(file: string): Promise<{ gtids: Parameters<GtidState['advance']>[0][] }> {
  const { events } = await readFileByUs(file);
  const list = events.find(({ what }) => what.startsWith('Gtid list'))?.what ?? '';
  const gtids = [...list.matchAll(/(\d+)-(\d+)-(\d+)/g)].map(([, domainId, serverId, seqNo]) => ({
    domainId: Number(domainId),
    serverId: Number(serverId),
    seqNo: BigInt(seqNo ?? 0),
  }));
  return { gtids };
}

test('XA transactions end with PREPARE, and their COMMIT or ROLLBACK is one of its own', async () => {
  const ours = await inOneFile(
    "XA START 'one', 'branch', 3",
    'INSERT INTO t (k) VALUES (1)',
    "XA END 'one', 'branch', 3",
    "XA PREPARE 'one', 'branch', 3",
    "XA COMMIT 'one', 'branch', 3",
    "XA START 'two'",
    'INSERT INTO t (k) VALUES (2)',
    "XA END 'two'",
    "XA PREPARE 'two'",
    "XA ROLLBACK 'two'",
    "XA START 'three'",
    'INSERT INTO t (k) VALUES (3)',
    "XA END 'three'",
    "XA COMMIT 'three' ONE PHASE",
  );
  const found = ours.transactions.map(({ ending, preparedXa, completedXa, xid }) => [
    ending,
    preparedXa,
    completedXa,
    xid && Buffer.from(xid.gtrid).toString(),
  ]);
  expect(found.slice(0, 4)).toEqual([
    ['xa_prepare', true, false, 'one'],
    ['statement', false, true, 'one'],
    ['xa_prepare', true, false, 'two'],
    ['statement', false, true, 'two'],
  ]);
  expect(found).toHaveLength(5);
  expect(ours.transactions[0]?.xid?.formatId).toBe(3);
});

test('compressed events are told by their own types', async () => {
  await server.query('SET GLOBAL log_bin_compress = ON');
  try {
    const ours = await inOneFile(
      "SET binlog_format = 'ROW'",
      "INSERT INTO t (t) VALUES (REPEAT('a', 5000))",
      "UPDATE t SET t = REPEAT('b', 5000) ORDER BY id DESC LIMIT 1",
      'DELETE FROM t ORDER BY id DESC LIMIT 1',
      "SET binlog_format = 'STATEMENT'",
      `INSERT INTO t (t) VALUES ('${'c'.repeat(5000)}')`,
    );
    for (const what of ['Write', 'Update', 'Delete'])
      expect([...whats(ours)]).toContain(`${what}_compressed_rows`);
    expect([...whats(ours)]).toContain('Query_compressed');
  } finally {
    await server.query('SET GLOBAL log_bin_compress = OFF');
  }
});

test('a file without checksums is read, and one in which they begin', async () => {
  await server.query('SET GLOBAL binlog_checksum = NONE');
  try {
    const ours = await inOneFile('INSERT INTO t (k) VALUES (1)', 'CREATE TABLE n (i INT)', 'DROP TABLE n');
    expect(ours.transactions).toHaveLength(3);
  } finally {
    await server.query('SET GLOBAL binlog_checksum = CRC32');
  }
  expect((await inOneFile('INSERT INTO t (k) VALUES (1)')).transactions).toHaveLength(1);
});

test('a server that is stopped closes its file, one that is killed leaves it in use, and RESET MASTER begins anew', async () => {
  await server.query('INSERT INTO shop.t (k) VALUES (1)');
  const stopped = (await files()).at(-1) ?? '';
  const live = await compare(stopped);
  expect(live).toMatchObject({ inUse: true, end: { closed: undefined, torn: undefined } });
  await server.stop();
  const closed = await compare(stopped);
  expect(closed).toMatchObject({ inUse: false, end: { closed: 'stop' } });
  expect(closed.events.slice(0, live.events.length)).toEqual(live.events);
  await server.start();
  await server.query('INSERT INTO shop.t (k) VALUES (2)');
  const killed = (await files()).at(-1) ?? '';
  await server.kill();
  await server.start();
  expect(await compare(killed)).toMatchObject({ inUse: true, end: { closed: undefined, torn: undefined } });
  await server.query('RESET MASTER');
  const [only = '', ...others] = await files();
  expect(others).toEqual([]);
  const fresh = await compare(only);
  expect(fresh.events.some(({ what }) => what === 'Gtid list []')).toBe(true);
});

test('files that are closed at their greatest size end with a rotation to the next', async () => {
  const count = longRun ? 5000 : 40;
  await server.query('SET GLOBAL max_binlog_size = 4096');
  try {
    await server.query('RESET MASTER');
    await session(
      "SET binlog_format = 'ROW'",
      `BEGIN NOT ATOMIC
         FOR i IN 1..${count} DO INSERT INTO t (t) VALUES (REPEAT(i, 4096)); END FOR;
       END`,
    );
  } finally {
    await server.query('SET GLOBAL max_binlog_size = DEFAULT');
  }
  const all = await files();
  expect(all.length).toBeGreaterThan(count);
  const state = new GtidState();
  for (const [index, file] of all.entries()) {
    // A program for each of 5,000 files takes minutes.
    const ours = index % 50 === 0 ? await compare(file) : await readFileByUs(file);
    const list = ours.events.find(({ what }) => what.startsWith('Gtid list'))?.what;
    expect(list).toBe(`Gtid list [${state.list().map(gtidText).join(',')}]`);
    for (const { gtid } of ours.transactions) state.advance(gtid);
    expect(ours.end.closed).toBe(index < all.length - 1 ? 'rotate' : undefined);
    expect(ours.end.position).toBe((await stat(file)).size);
  }
  expect(state.position()).toMatch(new RegExp(`^0-\\d+-${count}$`));
  await server.query('RESET MASTER');
}, 900_000);

test('a stream from the middle of a file has the positions of the file', async () => {
  await inOneFile(...Array.from({ length: 20 }, (_, i) => `INSERT INTO t (k) VALUES (${i})`));
  const file = (await files()).at(-2) ?? '';
  const whole = await readFileByUs(file);
  const folder = path.join(server.folder, 'from-the-middle');
  await mkdir(folder);
  for (const event of whole.events.slice(1).filter((_, index) => index % 7 === 0)) {
    await fetchRaw(file, folder, event.position);
    const part = await readFileByUs(path.join(folder, path.basename(file)), {
      startPosition: event.position,
    });
    expect(part.events.slice(1)).toEqual(whole.events.filter(({ position }) => position >= event.position));
    expect(part.end).toEqual(whole.end);
  }
});

/** As the server sends it to its replicas. */
async function fetchRaw(file: string, folder: string, position = 4): Promise<void> {
  const from = ['--read-from-remote-server', `--socket=${server.socket}`, `--user=${account.user}`];
  const what = ['--raw', `--start-position=${position}`, `--result-file=${folder}/`, path.basename(file)];
  await run('mariadb-binlog', ['--no-defaults', ...from, ...what]);
}

test('an encrypted file is reported as one, and as the server sends it, it is read like any other', async () => {
  const key = path.join(server.folder, 'keys');
  await writeFile(key, `1;${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o644 });
  const plain = await readFile(server.defaultsFile, 'utf8');
  await server.stop();
  await writeFile(
    server.defaultsFile,
    `${plain}plugin_load_add=file_key_management\nfile_key_management_filename=${key}\nencrypt_binlog=ON\n`,
  );
  await server.start();
  try {
    await session('INSERT INTO t (k) VALUES (1)', 'CREATE TABLE e (i INT)', 'DROP TABLE e');
    await server.query('FLUSH BINARY LOGS');
    const file = (await files()).at(-2) ?? '';
    const onDisk = await readFileByUs(file);
    const { size } = await stat(file);
    const begin = onDisk.events.at(-1)?.end;
    expect(onDisk.events.map(({ what }) => what)).toEqual(['Start', 'Ignorable']);
    expect(onDisk.end).toEqual({ position: size, closed: undefined, torn: undefined, encryptedFrom: begin });
    const folder = path.join(server.folder, 'decrypted');
    await mkdir(folder);
    await fetchRaw(file, folder);
    const sent = await compare(path.join(folder, path.basename(file)));
    expect(endings(sent)).toEqual(['xid', 'statement', 'statement']);
    expect(sent.end).toEqual({ position: size, closed: 'rotate', torn: undefined, encryptedFrom: undefined });
    const startPosition = sent.transactions[1]?.position ?? 0;
    await fetchRaw(file, folder, startPosition);
    const part = await readFileByUs(path.join(folder, path.basename(file)), { startPosition });
    expect(part.events.slice(2)).toEqual(sent.events.filter(({ position }) => position >= startPosition));
    expect(part.end).toEqual(sent.end);
  } finally {
    await server.stop();
    await writeFile(server.defaultsFile, plain);
    await server.start();
  }
});

const megabytes = longRun ? 300 : 30;

test(`a transaction of ${megabytes} MB and a row of a third of it pass through, and a changed byte in them is found`, async () => {
  const row = Math.floor((megabytes / 3) * 1024 * 1024);
  await server.query('SET GLOBAL max_allowed_packet = 1073741824');
  const ours = await inOneFile(
    "SET binlog_format = 'ROW'",
    'START TRANSACTION',
    `INSERT INTO t (t) VALUES (REPEAT('x', ${row}))`,
    `INSERT INTO t (t) SELECT REPEAT('y', 100000) FROM seq_1_to_${Math.floor((2 * row) / 100_000)}`,
    'COMMIT',
  );
  const [transaction, ...others] = ours.transactions;
  expect(others).toEqual([]);
  expect(transaction!.end - transaction!.position).toBeGreaterThan(megabytes * 1_000_000);
  const large = ours.events.find(({ position, end }) => end - position > row);
  const file = (await files()).at(-2) ?? '';
  const bytes = await readFile(file);
  bytes[large!.position + Math.floor(row / 2)]! ^= 1;
  const damaged = path.join(server.folder, 'damaged');
  await writeFile(damaged, bytes);
  const reading = readFileByUs(damaged);
  await expect(reading).rejects.toBeInstanceOf(BinlogDamage);
  await expect(reading).rejects.toMatchObject({ fault: 'checksum', position: large!.position });
}, 600_000);
