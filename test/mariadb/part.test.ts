/** Part of a copy in a running server: tables, what belongs to them, and what refers to them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { loadAwkward, portrait } from '../support/awkward.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { asRoot, leftovers, testPart } from '../support/parts.ts';
import { until } from '../support/until.ts';

let copy: TestServer;
let live: TestServer;

beforeAll(async () => {
  [copy, live] = await Promise.all([
    startTestServer({ name: 'part-copy' }),
    startTestServer({ name: 'part-live', privileges: 'ALL PRIVILEGES' }),
  ]);
});
afterAll(async () => {
  await copy?.remove();
  await live?.remove();
});

/** Orders with lines, in a database and in another one; a trigger that notes what is ordered. */
function shopOf(rows: number): string[] {
  return [
    'DROP DATABASE IF EXISTS depot',
    'DROP DATABASE IF EXISTS shop',
    'CREATE DATABASE shop CHARACTER SET utf8mb4',
    'USE shop',
    'CREATE SEQUENCE numbers START WITH 1000',
    'CREATE TABLE notes (id INT PRIMARY KEY AUTO_INCREMENT, what INT)',
    'CREATE TABLE orders (id INT PRIMARY KEY DEFAULT NEXTVAL(shop.numbers), weight FLOAT, price DOUBLE)',
    `INSERT INTO orders SELECT seq, seq / 3e0, seq / 7e0 FROM seq_1_to_${rows}`,
    'CREATE TABLE `lines` (id INT PRIMARY KEY, `order` INT, CONSTRAINT of FOREIGN KEY (`order`) REFERENCES orders (id) ON DELETE CASCADE)',
    `INSERT INTO \`lines\` SELECT seq, seq FROM seq_1_to_${rows}`,
    'CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW INSERT INTO notes (what) VALUES (NEW.id)',
    'CREATE TRIGGER noted_too AFTER INSERT ON orders FOR EACH ROW FOLLOWS noted UPDATE notes SET what = -what WHERE what = NEW.id',
    'CREATE VIEW heavy AS SELECT * FROM orders WHERE weight > 5',
    'CREATE DATABASE depot',
    'CREATE TABLE depot.parcels (id INT PRIMARY KEY, `order` INT, CONSTRAINT sent FOREIGN KEY (`order`) REFERENCES shop.orders (id))',
    `INSERT INTO depot.parcels SELECT seq, seq FROM seq_1_to_${rows}`,
  ];
}

const referring = [1452, 'ER_NO_REFERENCED_ROW_2'];

async function refusal(statement: string): Promise<unknown[]> {
  const error = (await live.query(statement).then(
    () => ({}),
    (thrown: unknown) => thrown,
  )) as { errno?: number; code?: string };
  return [error.errno, error.code];
}

async function sum(server: TestServer, table: string): Promise<unknown> {
  return (await server.checksums())[table];
}

describe('a database', () => {
  test('comes back as it was, over what is there and where nothing is', async () => {
    await copy.loadSample({ rows: 60 });
    await loadAwkward(copy);
    await copy.query(
      'CREATE TABLE shop.refers (id INT PRIMARY KEY, customer INT, CONSTRAINT `f ``k` FOREIGN KEY (customer) REFERENCES shop.customers (id))',
    );
    await live.loadSample({ rows: 20 });
    await live.session([
      'CREATE TABLE shop.later (id INT)',
      'CREATE VIEW shop.later_view AS SELECT * FROM shop.later',
      'CREATE PROCEDURE shop.later_procedure() SELECT 1',
      'CREATE TABLE shop.`totals_` (id INT)',
      'DROP VIEW shop.totals',
      'RENAME TABLE shop.totals_ TO shop.totals',
      "CREATE USER seller@localhost IDENTIFIED BY 'x'",
      'GRANT EXECUTE ON PROCEDURE shop.count_customers TO seller@localhost',
      'GRANT SELECT ON shop.orders TO seller@localhost',
    ]);
    const before = { sums: await copy.checksums(), portrait: await portrait(copy, { accounts: false }) };
    const grants = await live.query('SHOW GRANTS FOR seller@localhost');
    const [{ gtid } = { gtid: '' }] = await live.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
    const part = await testPart(copy, live, { include: ['shop', 'a`b c é', '-options'] });
    const warnings = await part.whole();
    expect(warnings).toEqual([
      'What shop had and the backup does not was dropped: later, later_view, later_procedure.',
    ]);
    expect(await live.checksums()).toEqual(before.sums);
    expect(await portrait(live, { accounts: false })).toEqual(before.portrait);
    expect(await live.query('SHOW GRANTS FOR seller@localhost')).toEqual(grants);
    const [{ now } = { now: '' }] = await live.query<{ now: string }>('SELECT @@gtid_binlog_pos AS now');
    expect(now).not.toBe(gtid);
    expect(await leftovers(live)).toEqual([]);
    expect(await live.query('SHOW CREATE TABLE shop.refers')).toEqual(
      await copy.query('SHOW CREATE TABLE shop.refers'),
    );
  });

  test('comes back under another name, beside the one that is there', async () => {
    await copy.session(shopOf(9));
    await copy.query('CREATE EVENT shop.hourly ON SCHEDULE EVERY 1 HOUR DO DELETE FROM shop.notes');
    const orders = await sum(copy, '`shop`.`orders`');
    await live.session(shopOf(3));
    const before = await live.checksums();
    const part = await testPart(copy, live, { include: ['shop'], as: 'shop – before' });
    expect(await part.whole()).toEqual([
      'The events of shop – before are disabled, because those of shop run already.',
    ]);
    expect(await live.checksums()).toMatchObject(before);
    expect(await sum(live, '`shop – before`.`orders`')).toBe(orders);
    await live.session([
      'USE `shop – before`',
      'INSERT INTO orders (weight) VALUES (1)',
      'DELETE FROM orders WHERE id = 1',
    ]);
    const rows = await live.query<{ id: number }>('SELECT id FROM `shop – before`.orders WHERE id > 9');
    expect(rows).toEqual([{ id: 1000 }]);
    expect(await live.query('SELECT id FROM `shop – before`.`lines` WHERE id = 1')).toEqual([]);
    expect(await live.query('SELECT what FROM `shop – before`.notes')).toEqual([{ what: -1000 }]);
    expect(await live.query('SELECT COUNT(*) AS n FROM `shop – before`.heavy')).toEqual([{ n: 0 }]);
    expect(
      await live.query("SELECT status FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop – before'"),
    ).toEqual([{ status: 'DISABLED' }]);
    expect(await leftovers(live)).toEqual([]);
    await live.query('DROP DATABASE `shop – before`');
  });
});

describe('a table', () => {
  beforeEach(async () => {
    await copy.session(shopOf(9));
    await live.session(shopOf(5));
  });

  test('takes the place of the one that is there, and what refers to it refers to it again', async () => {
    const orders = await sum(copy, '`shop`.`orders`');
    await live.query('DELETE FROM depot.parcels WHERE id = 2');
    await live.query('DELETE FROM shop.orders WHERE id = 2');
    const part = await testPart(copy, live, { include: ['shop.orders'] });
    expect(await part.whole()).toEqual([]);
    expect(await sum(live, '`shop`.`orders`')).toBe(orders);
    expect(await live.query('SELECT COUNT(*) AS n FROM shop.`lines`')).toEqual([{ n: 4 }]);
    expect(await refusal('INSERT INTO depot.parcels VALUES (77, 77)')).toEqual(referring);
    expect(await refusal('INSERT INTO shop.`lines` VALUES (77, 77)')).toEqual(referring);
    await live.query('INSERT INTO shop.orders (id) VALUES (77)');
    expect(await live.query('SELECT what FROM shop.notes')).toEqual([{ what: -77 }]);
    expect(await leftovers(live)).toEqual([]);
    const names = await live.query('SHOW TRIGGERS FROM shop');
    expect(names.map((row) => row['Trigger'])).toEqual(['noted', 'noted_too']);
  });

  test('that was dropped is back with its keys; rows that refer to none are named', async () => {
    await live.session(['SET foreign_key_checks=0', 'DROP TABLE shop.`lines`', 'DELETE FROM shop.orders']);
    const part = await testPart(copy, live, { include: ['shop.lines'] });
    expect(await part.whole()).toEqual([
      'Rows refer to ones that are not there, because not all of it came back: shop.lines (of).',
    ]);
    expect(await sum(live, '`shop`.`lines`')).toBe(await sum(copy, '`shop`.`lines`'));
    expect(await refusal('INSERT INTO shop.`lines` VALUES (77, 77)')).toEqual(referring);
    expect(await live.query('SHOW CREATE TABLE shop.`lines`')).toEqual(
      await copy.query('SHOW CREATE TABLE shop.`lines`'),
    );
  });

  test('under another name holds no rows of the one that is there, and takes its numbers from where it did', async () => {
    const part = await testPart(copy, live, { include: ['shop.lines', 'shop.orders'], as: 'beside' });
    expect((await part.whole()).join('\n')).toMatch(
      /^beside\.orders takes its numbers from shop\.numbers, as shop\.orders does\.$/,
    );
    const alone = await testPart(copy, live, { include: ['shop.lines'], as: 'alone' });
    expect((await alone.whole()).join('\n')).toMatch(/^Foreign keys .* left out: of of lines\./);
    await live.query('DELETE FROM depot.parcels');
    await live.query('DELETE FROM shop.orders');
    expect(await live.query('SELECT COUNT(*) AS n FROM alone.`lines`')).toEqual([{ n: 9 }]);
    await live.session(['DROP DATABASE alone', 'DROP DATABASE beside']);
  });

  test('is never away: whoever writes meanwhile is heard by its triggers', async () => {
    await using writer = await asRoot(live);
    let written = 0;
    let ended = false;
    const writing = (async () => {
      while (!ended) {
        written += 1;
        await writer.query(`INSERT INTO shop.orders (id) VALUES (${10_000 + written})`);
      }
    })();
    for (let round = 1; round <= 3; round += 1) {
      const before = written;
      const part = await testPart(copy, live, { include: ['shop.orders'] });
      await until(() => Promise.resolve(written > before + 20));
      expect(await part.whole()).toEqual([]);
    }
    const before = written;
    await until(() => Promise.resolve(written > before + 20));
    ended = true;
    await writing;
    const [row] = await live.query<{ n: number }>('SELECT COUNT(*) AS n FROM shop.notes WHERE what < -10000');
    expect(row?.n).toBe(written);
  });
});

describe('what is refused leaves all as it was', () => {
  beforeAll(async () => {
    await copy.session(shopOf(3));
    await live.session(shopOf(2));
  });

  test.each([
    [{ include: ['Shop'] }, 'part_not_found', /no database Shop in it: it has shop\./],
    [{ include: ['shop.Orders'] }, 'part_not_found', /no table shop\.Orders in it: it has orders\./],
    [{ include: ['shop.nothing', 'none'] }, 'part_not_found', /shop\.nothing .* no database none/],
    [{ include: ['shop'], as: 'depot' }, 'part_conflict', /a database depot already/],
  ])('%j', async (request, code, message) => {
    const before = await live.checksums();
    const part = await testPart(copy, live, request);
    await expect(part.bring()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
    expect(await part.leave()).toBe('untouched');
    expect(await live.checksums()).toEqual(before);
    expect(await leftovers(live)).toEqual([]);
  });

  test('a table whose numbers come from a sequence that is nowhere', async () => {
    await live.session(['CREATE DATABASE other', 'DROP DATABASE depot', 'DROP DATABASE shop']);
    const part = await testPart(copy, live, { include: ['shop.orders'] });
    await expect(part.bring()).rejects.toMatchObject({
      code: 'part_conflict',
      message: expect.stringContaining('include shop.numbers, too') as unknown,
    });
    const both = await testPart(copy, live, { include: ['shop.orders', 'shop.numbers'] });
    expect(await both.whole()).toEqual([]);
    await live.query('INSERT INTO shop.orders (weight) VALUES (1)').catch(() => undefined);
    expect(await live.query('SELECT COUNT(*) AS n FROM shop.orders')).toEqual([{ n: 3 }]);
  });

  test('a server that is read only', async () => {
    await live.query('SET GLOBAL read_only=1');
    const part = await testPart(copy, live, { include: ['shop'] });
    await expect(part.bring()).rejects.toMatchObject({ code: 'part_conflict' });
    await live.query('SET GLOBAL read_only=0');
  });
});
