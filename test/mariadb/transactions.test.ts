/** Lists of the transactions that a real server wrote and a follower archived, encrypted and in small segments. */
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { FollowState } from '../../domain/archive/facts.ts';
import { type SegmentArchive, meeting } from '../../domain/archive/header.ts';
import type {
  ArchivedTransaction,
  ListedPart,
  TransactionFilter,
  TransactionPage,
} from '../../domain/archive/transactions.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { connect } from '../../mariadb/server/sql.ts';
import { listingBudget, listTransactions, type ListingBudget } from '../../mariadb/transactions/list.ts';
import { headersOf } from '../support/archived.ts';
import { testAttempt } from '../support/copies.ts';
import { archived, archiveOf } from '../support/follower.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

const { identity, recipient } = newAgeIdentity();
let server: TestServer;
let archive: SegmentArchive;
let state: FollowState;
/** All that is in the archive, and the list of it. */
let part: ListedPart;
let whole: TransactionPage;
/** What was written in each step of the story, and between which instants. */
const steps = new Map<string, { gtids: string[]; began: string; ended: string }>();

async function newest(): Promise<{ origin: string; sequence: number }> {
  const [row] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
  const [, origin = '', sequence = ''] = /^(\d+-\d+-)(\d+)$/.exec(row?.gtid ?? '') ?? [];
  return { origin, sequence: Number(sequence) };
}

/** On one connection. */
async function step(name: string, ...statements: string[]): Promise<void> {
  await using connection = await connect(server.settings, { user: userInfo().username, password: '' });
  const began = new Date().toISOString();
  const before = await newest();
  for (const statement of ['USE shop', ...statements]) await connection.query(statement);
  const { origin, sequence } = await newest();
  const gtids = Array.from(
    { length: sequence - before.sequence },
    (_, index) => `${origin}${before.sequence + 1 + index}`,
  );
  steps.set(name, { gtids, began, ended: new Date().toISOString() });
}

beforeAll(async () => {
  server = await startTestServer({ name: 'transactions', config: ['innodb_flush_log_at_trx_commit=0'] });
  await server.query('CREATE DATABASE shop');
  const place = await archiveOf(server);
  ({ archive } = place);
  const following = place.follow({
    intervalMs: 100,
    recipients: [recipient],
    settings: { segment_size: 32_768 },
  });
  await archived(following);
  const table = '(id INT PRIMARY KEY AUTO_INCREMENT, t LONGTEXT)';
  await step(
    'tables',
    `CREATE TABLE orders ${table}`,
    `CREATE TABLE \`order lines\` ${table}`,
    `CREATE TABLE gone ${table}`,
  );
  await step(
    'rows',
    "SET binlog_format = 'ROW'",
    'START TRANSACTION',
    "INSERT INTO orders (t) VALUES ('secret'), ('secret')",
    "UPDATE orders SET t = 'secrets'",
    "INSERT INTO `order lines` (t) VALUES ('secret')",
    'SAVEPOINT a',
    'DELETE FROM orders WHERE id = 1',
    'COMMIT',
  );
  await step(
    'statements',
    "SET binlog_format = 'STATEMENT'",
    "INSERT INTO orders (t) VALUES ('secret')",
    "UPDATE orders JOIN `order lines` l USING (id) SET orders.t = 'secret', l.t = 'secret'",
    'DELETE FROM `order lines`',
  );
  await server.query('SET GLOBAL log_bin_compress = 1, GLOBAL log_bin_compress_min_len = 10');
  await step(
    'compressed',
    "SET binlog_format = 'ROW'",
    "INSERT INTO orders (t) VALUES (REPEAT('secret', 1000))",
    "SET binlog_format = 'STATEMENT'",
    `INSERT INTO orders (t) VALUES ('${'secret'.repeat(1_000)}')`,
    `DROP TABLE gone /* ${'secret'.repeat(100)} */`,
  );
  await server.query('SET GLOBAL log_bin_compress = 0');
  await server.query('FLUSH BINARY LOGS');
  const xa = (name: string, end: string): string[] => [
    `XA START '${name}'`,
    `INSERT INTO orders (t) VALUES ('secret')`,
    `XA END '${name}'`,
    `XA PREPARE '${name}'`,
    `XA ${end} '${name}'`,
  ];
  await step('xa', "SET binlog_format = 'ROW'", ...xa('a', 'COMMIT'), ...xa('b', 'ROLLBACK'));
  await step(
    'definitions',
    'CREATE TABLE copied SELECT * FROM orders LIMIT 1',
    'CREATE INDEX i ON copied (id)',
    'RENAME TABLE copied TO renamed',
    'TRUNCATE renamed',
    'CREATE DATABASE old',
    'CREATE TABLE old.t (i INT)',
    'DROP TABLE renamed, old.t',
    'DROP DATABASE old',
    "CREATE USER u IDENTIFIED BY 'secret'",
    'GRANT SELECT ON shop.* TO u',
  );
  // Of many segments.
  await step(
    'large',
    "SET binlog_format = 'ROW'",
    "INSERT INTO orders (t) SELECT REPEAT('secret', 1000) FROM seq_1_to_60",
  );
  await step('drop', 'DROP TABLE orders');
  state = await archived(following);
  await following.stop();
  const { timeline, archived: to } = state;
  const segments: ListedPart['segments'] = [];
  for await (const file of archive.files(timeline)) {
    segments.push(
      ...meeting(await headersOf(archive, timeline, file)).segments.map(({ start, end }) => ({
        file,
        start,
        end,
      })),
    );
  }
  part = { timeline, from: { file: segments[0]!.file, position: 0 }, to, segments, head: segments[0]! };
  whole = await page();
});
afterAll(() => server.remove());

interface Asked extends Partial<TransactionFilter> {
  parts?: ListedPart[];
  budget?: Partial<ListingBudget>;
}

async function page({ parts = [part], budget, ...filter }: Asked = {}): Promise<TransactionPage> {
  return await listTransactions(
    { serviceId: 'orders', parts, limit: 1_000, ...filter },
    {
      server: server.settings,
      archive,
      identityFor: (recipients) => {
        expect(recipients).toEqual([recipient]);
        return Promise.resolve(identity);
      },
      attempt: await testAttempt(),
    },
    { ...listingBudget, ...budget },
  );
}

/** Page by page; each goes on in the segment where the last one ended. */
async function pages(asked: Asked): Promise<{ transactions: ArchivedTransaction[]; count: number }> {
  const transactions: ArchivedTransaction[] = [];
  let from = part.from;
  for (let count = 1; ; count += 1) {
    const first = part.segments.findIndex(({ file, end }) => file === from.file && end > from.position);
    const begin = first < 0 ? part.segments.findIndex(({ file }) => file > from.file) : first;
    const segments = part.segments.slice(Math.max(begin, 0));
    const before = part.segments[begin - 1];
    const head = part.segments.find(({ file, start }) => file === segments[0]!.file && start === 0)!;
    const found = await page({
      ...asked,
      parts: [{ ...part, from, segments, head, ...(before && { before }) }],
    });
    transactions.push(...found.transactions);
    if (!found.next) return { transactions, count };
    from = found.next;
  }
}

const brief = ({ kind, statements, tables, tablesKnown }: ArchivedTransaction): string =>
  `${kind} ${statements.join(',')} ${tables.join(',')}${tablesKnown ? '' : '?'}`.trim();

function briefOf(name: string): string[] {
  const { gtids } = steps.get(name)!;
  return whole.transactions.filter(({ gtid }) => gtids.includes(gtid)).map(brief);
}

describe('of what a server has written', () => {
  test('every transaction is listed once, in its order, with its place, and no data of it', () => {
    const { transactions, next } = whole;
    expect(next).toBeUndefined();
    const told = [...steps.values()].flatMap(({ gtids }) => gtids);
    expect(transactions.map(({ gtid }) => gtid).slice(-told.length)).toEqual(told);
    for (const [index, one] of transactions.entries()) {
      const after = transactions[index + 1];
      if (after?.file === one.file) expect(after.position).toBeGreaterThanOrEqual(one.position + one.bytes);
    }
    expect(JSON.stringify(transactions)).not.toContain('secret');
  });

  test.each([
    [
      'tables',
      ['DDL CREATE TABLE shop.orders', 'DDL CREATE TABLE shop.order lines', 'DDL CREATE TABLE shop.gone'],
    ],
    ['rows', ['DML INSERT,UPDATE,DELETE shop.orders,shop.order lines']],
    [
      'statements',
      ['DML INSERT shop.orders?', 'DML UPDATE shop.orders,shop.order lines?', 'DML DELETE shop.order lines?'],
    ],
    ['compressed', ['DML INSERT shop.orders', 'DML INSERT shop.orders?', 'DDL DROP TABLE shop.gone']],
    [
      'xa',
      [
        'XA PREPARE INSERT shop.orders',
        'XA COMMIT XA COMMIT',
        'XA PREPARE INSERT shop.orders',
        'XA ROLLBACK XA ROLLBACK',
      ],
    ],
    [
      'definitions',
      [
        'DDL CREATE TABLE,INSERT shop.copied',
        'DDL CREATE INDEX shop.copied',
        'DDL RENAME TABLE shop.copied,shop.renamed',
        'DDL TRUNCATE TABLE shop.renamed',
        'DDL CREATE DATABASE old.*',
        'DDL CREATE TABLE old.t',
        'DDL DROP TABLE shop.renamed,old.t',
        'DDL DROP DATABASE old.*',
        'DDL CREATE USER',
        'DDL GRANT',
      ],
    ],
    ['large', ['DML INSERT shop.orders']],
    ['drop', ['DDL DROP TABLE shop.orders']],
  ])('the step "%s" is told by what it did and to which tables', (name, expected) => {
    expect(briefOf(name)).toEqual(expected);
  });

  test('the time of each is what the samples of the clock say', () => {
    const { transactions } = whole;
    for (const { gtids, began, ended } of steps.values()) {
      for (const one of transactions.filter(({ gtid }) => gtids.includes(gtid))) {
        expect(one.resolution).toBe('commit_clock');
        expect(one.time >= began).toBe(true);
        expect(one.notBefore! <= `${ended.slice(0, -1)}999Z`).toBe(true);
      }
    }
  });
});

describe('what is asked for', () => {
  test('may be one table; what drops its database is among it', async () => {
    const listed = async (table: string): Promise<string[]> =>
      (await page({ table })).transactions.map(brief);
    const of = async (table: string): Promise<string[]> =>
      (await listed(table)).filter((told) => !told.endsWith('?'));
    // What triggers do is not known.
    expect(await listed('shop.nothing')).toContain('DML DELETE shop.order lines?');
    expect(await of('OLD.t')).toEqual([
      'DDL CREATE DATABASE old.*',
      'DDL CREATE TABLE old.t',
      'DDL DROP TABLE shop.renamed,old.t',
      'DDL DROP DATABASE old.*',
    ]);
    expect((await of('shop.orders')).at(-1)).toBe('DDL DROP TABLE shop.orders');
    expect(await of('shop.nothing')).toEqual(['DDL CREATE DATABASE shop.*']);
  });

  test('may be a time: what can have been written in it, and once all else is later, no more is read', async () => {
    const { began: from, ended: to } = steps.get('xa')!;
    const found = await page({ from, to });
    const all = whole.transactions;
    const within = all.filter(
      (one) => one.time >= from && (one.notBefore ?? one.time) <= `${to.slice(0, -1)}000Z`,
    );
    expect(found).toEqual({ transactions: within, ended: true });
    expect(within.map(({ gtid }) => gtid)).toEqual(expect.arrayContaining(steps.get('xa')!.gtids));
    expect(within.length).toBeLessThan(all.length);
  });

  test('comes in pages, of which each goes on where the last one ended', async () => {
    const { transactions } = whole;
    const few = await pages({ limit: 8 });
    expect(few).toEqual({ transactions, count: Math.ceil(transactions.length / 8) });
    expect((await pages({ budget: { answerBytes: 3_000 } })).transactions).toEqual(transactions);
  });
});

test('a transaction that is larger than what a page may read is listed by its beginning and its end', async () => {
  const { transactions } = whole;
  const { transactions: found, count } = await pages({ budget: { bytes: 1 } });
  expect(count).toBeGreaterThan(1);
  const [large = ''] = steps.get('large')!.gtids;
  // The look at the clock that follows a transaction may lie behind the page: then its time is the event's.
  const untimed = (one: object): object => ({ ...one, time: undefined, resolution: undefined });
  expect(found.map(untimed)).toEqual(
    transactions.map((one) => untimed(one.gtid === large ? { ...one, tablesKnown: false } : one)),
  );
  expect(transactions.find(({ gtid }) => gtid === large)?.bytes).toBeGreaterThan(10 * 16_384);
});

test('nobody lists what is encrypted without the identity', async () => {
  const missing = new TidemarkError('identity_unavailable', 'There is none.');
  const source = { server: server.settings, archive, attempt: await testAttempt() };
  const order = { serviceId: 'orders', parts: [part], limit: 10 };
  await expect(
    listTransactions(order, { ...source, identityFor: () => Promise.reject(missing) }),
  ).rejects.toBe(missing);
});
