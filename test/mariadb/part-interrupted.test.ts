/** Bringing part of a copy back while others hold the tables, and what is left when something ends in the middle of it. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { operationFolder } from '../../activities/host/host.ts';
import { partActivities } from '../../activities/host/part.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { asRoot, leftovers, testPart } from '../support/parts.ts';
import { until } from '../support/until.ts';

let copy: TestServer;
let live: TestServer;

const made = (rows: number): string[] => [
  'DROP DATABASE IF EXISTS shop',
  'CREATE DATABASE shop',
  'USE shop',
  'CREATE TABLE notes (what INT)',
  'CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(2000), weight FLOAT NOT NULL DEFAULT 1)',
  `INSERT INTO orders SELECT seq, REPEAT('x', 1000), seq / 3e0 FROM seq_1_to_${rows}`,
  'CREATE TABLE `lines` (id INT PRIMARY KEY, o INT, CONSTRAINT of FOREIGN KEY (o) REFERENCES orders (id))',
  'INSERT INTO `lines` VALUES (1, 1)',
  'CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW INSERT INTO notes VALUES (NEW.id)',
];

beforeAll(async () => {
  [copy, live] = await Promise.all([
    startTestServer({ name: 'part-copy' }),
    startTestServer({ name: 'part-live', privileges: 'ALL PRIVILEGES' }),
  ]);
});
beforeEach(async () => {
  await copy.session(made(2_000));
  await live.session(made(3));
});
afterAll(async () => {
  await copy?.remove();
  await live?.remove();
});

async function waiting(): Promise<boolean> {
  const rows = await live.query(
    "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock%'",
  );
  return rows.length > 0;
}

test('tables that others hold are given up after a while, and nothing was changed', async () => {
  const before = await live.checksums();
  const part = await testPart(
    copy,
    live,
    { include: ['shop.orders'] },
    { lockWaitMs: 1_000, giveUpMs: 1_000 },
  );
  await part.bring();
  await using holder = await asRoot(live);
  await holder.query('BEGIN');
  await holder.query('SELECT * FROM shop.orders LIMIT 1');
  await expect(part.exchange()).rejects.toMatchObject({
    code: 'part_locked',
    message: expect.stringContaining('worked on shop.orders all the time') as unknown,
  });
  await holder.query('COMMIT');
  expect(await part.leave()).toBe('untouched');
  expect(await live.checksums()).toEqual(before);
  expect(await leftovers(live)).toEqual([]);
});

test('a cancellation while it waits for them leaves them as they were', async () => {
  const before = await live.checksums();
  const part = await testPart(copy, live, { include: ['shop.orders'] });
  await part.bring();
  await using holder = await asRoot(live);
  await holder.query('BEGIN');
  await holder.query('SELECT * FROM shop.orders LIMIT 1');
  const exchanging = expect(part.exchange()).rejects.toThrow('called off');
  await until(waiting);
  part.attempt.abort(new Error('called off'));
  await exchanging;
  await holder.query('COMMIT');
  expect(await part.leave()).toBe('untouched');
  expect(await live.checksums()).toEqual(before);
  expect(await leftovers(live)).toEqual([]);
});

test('a server that is killed behind the exchange has what came back, and its keys and triggers once it is there', async () => {
  const [orders, text] = [await copy.checksums(), await copy.query('SHOW CREATE TABLE shop.orders')];
  const part = await testPart(copy, live, { include: ['shop.orders'] });
  await part.bring();
  // As after the death of the agent: the copy has been altered by then.
  await part.bring();
  // Its key to the orders has to be made again, and for that nobody may be at it.
  await using holder = await asRoot(live);
  await holder.query('BEGIN');
  await holder.query('SELECT * FROM shop.`lines`');
  const exchanging = expect(part.exchange()).rejects.toMatchObject({ code: 'database_unreachable' });
  await until(async () => {
    const [row] = await live.query<{ n: number }>('SELECT COUNT(*) AS n FROM shop.orders');
    return row?.n === 2_000 && (await waiting());
  });
  // As if the agent had died between the exchange and writing it down.
  const file = path.join(part.attempt.folder, 'part.json');
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('"state":"exchanged"', '"state":"exchanging"'),
  );
  await live.kill();
  await exchanging;
  await expect(part.leave()).rejects.toMatchObject({ code: 'database_unreachable' });
  await live.start();
  expect(await part.leave()).toBe('exchanged');
  expect(await leftovers(live)).toEqual([]);
  expect(await live.query('SHOW CREATE TABLE shop.`lines`')).toEqual(
    await copy.query('SHOW CREATE TABLE shop.`lines`'),
  );
  expect(await live.query('SHOW CREATE TABLE shop.orders')).toEqual(text);
  expect((await live.checksums())['`shop`.`orders`']).toBe(orders['`shop`.`orders`']);
  await live.query('INSERT INTO shop.orders (id) VALUES (9000)');
  expect(await live.query('SELECT * FROM shop.notes')).toEqual([{ what: 9000 }]);
  // Done is done.
  expect(await part.exchange()).toEqual([]);
});

test('what a broken load left is taken away, or loaded anew', async () => {
  const before = await live.checksums();
  const part = await testPart(copy, live, { include: ['shop'], as: 'beside' });
  await part.bring();
  // As after the death of the agent: begun again.
  await part.bring();
  expect(await leftovers(live)).not.toEqual([]);
  expect(await part.leave()).toBe('untouched');
  expect(await live.checksums()).toEqual(before);
  expect(await leftovers(live)).toEqual([]);
  expect(await live.query("SHOW DATABASES LIKE 'beside'")).toEqual([]);
  await expect(part.exchange()).rejects.toMatchObject({ code: 'load_failed' });
  expect(await live.query('SELECT @@max_allowed_packet = @@GLOBAL.max_allowed_packet AS same')).toEqual([
    { same: 1 },
  ]);
});

test('while the server refuses to drop what was loaded, its end is tried again', async () => {
  const before = await live.checksums();
  const part = await testPart(copy, live, { include: ['shop.orders'] });
  await part.bring();
  await using holder = await asRoot(live);
  await holder.query('FLUSH TABLES WITH READ LOCK');
  await expect(part.leave()).rejects.toMatchObject({
    code: 'put_back_failed',
    retryable: true,
    message: expect.stringContaining('ERROR 1205') as unknown,
  });
  await holder.query('UNLOCK TABLES');
  expect(await part.leave()).toBe('untouched');
  expect(await live.checksums()).toEqual(before);
  expect(await leftovers(live)).toEqual([]);
});

test('while the server refuses what is left to do behind the exchange, it is tried again', async () => {
  const patience = { lockWaitMs: 1_000, giveUpMs: 1_000 };
  const part = await testPart(copy, live, { include: ['shop.notes'] }, patience);
  await part.bring();
  await part.exchange();
  // As when it ended behind the exchange.
  const file = path.join(part.attempt.folder, 'part.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"state":"done"', '"state":"exchanged"'));
  await using holder = await asRoot(live);
  await holder.query('FLUSH TABLES WITH READ LOCK');
  await expect(part.exchange()).rejects.toMatchObject({ code: 'put_back_failed', retryable: true });
  await holder.query('UNLOCK TABLES');
  expect(await part.exchange()).toEqual([]);
  expect(await part.leave()).toBe('exchanged');
  expect(await leftovers(live)).toEqual([]);
});

test('that a part came back is told again when the answer was lost, until nothing depends on it any more', async () => {
  const part = await testPart(copy, live, { include: ['shop.notes'] });
  await part.bring();
  await part.exchange();
  const { defaults_file, client_file } = live.settings;
  const host = await openHost({
    service_id: 'part-1',
    state_directory: path.join(live.folder, 'state'),
    storage: `file://${path.join(live.folder, 'storage')}`,
    server: { defaults_file, client_file, control: { kind: 'direct' } },
  });
  const folder = operationFolder(host.settings.state_directory, 'restore-7');
  await cp(part.attempt.folder, folder, { recursive: true });
  const record = JSON.parse(await readFile(path.join(folder, 'part.json'), 'utf8')) as { workflowId: string };
  const order = {
    restoreId: 7,
    workflowId: record.workflowId,
    backupId: 'a',
    mode: 'side-by-side' as const,
    manifestSha256: '',
    part: { include: ['shop.notes'] },
  };
  const leave = (more: { settled?: true } = {}): Promise<unknown> =>
    runActivity(() => partActivities(host).leavePart({ ...order, ...more })).result;
  const back = { outcome: 'exchanged', warnings: [] };
  expect(await leave()).toEqual(back);
  expect(await readdir(folder)).toEqual(['part.json']);
  expect(await leave()).toEqual(back);
  expect(await leave({ settled: true })).toEqual(back);
  expect(await readdir(path.dirname(folder))).toEqual([]);
});

test('an exchange that still waits in the server is over before anybody looks whether it was carried out', async () => {
  const patience = { lockWaitMs: 60_000, giveUpMs: 60_000 };
  const part = await testPart(copy, live, { include: ['shop.notes'] }, patience);
  await part.bring();
  await using holder = await asRoot(live);
  await holder.query('BEGIN');
  await holder.query('SELECT * FROM shop.notes');
  const exchanging = part.exchange();
  await until(waiting);
  // Another attempt, as after the death of the agent: its statement is in the server all the same.
  const leaving = part.leave();
  await until(async () => {
    const rows = await live.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'");
    return rows.length > 0;
  }, 30_000).finally(() => holder.query('COMMIT'));
  expect(await exchanging).toEqual([]);
  expect(await leaving).toBe('exchanged');
  expect(await leftovers(live)).toEqual([]);
});
