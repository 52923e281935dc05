/** What a session of a crowd may do: one statement, or some of them, drawn. */

/** Statements in their order; a number is a pause in milliseconds. What `mark` is written by is the last of them. */
export interface Deed {
  statements: (string | number)[];
  mark?: number;
}

export interface Person {
  who: number;
  draw: (below: number) => number;
  /** A number that this person has not used. */
  next: () => number;
}

const formats = ['ROW', 'STATEMENT', 'MIXED'];
const engines = ['InnoDB', 'Aria', 'MyISAM'];
const zones = ['+05:45', '-11:00', 'SYSTEM'];

const markOf = ({ who }: Person, n: number): string =>
  `INSERT INTO shop.marks (who, n) VALUES (${who}, ${n})`;

/** A deed that ends with the statement by which its mark is confirmed. */
function marked(person: Person, make: (mark: string, n: number) => (string | number)[]): Deed {
  const n = person.next();
  return { statements: make(markOf(person, n), n), mark: n };
}

/** By name. */
export const deeds: Record<string, (person: Person) => Deed> = {
  'one row': (person) => marked(person, (mark) => [mark]),
  'several rows': ({ draw }) => ({
    statements: [`INSERT INTO shop.orders (what) VALUES ('b ${draw(99)}'), (NOW(6))`],
  }),
  'an update': ({ draw }) => ({
    statements: [`UPDATE shop.orders SET what = CONCAT('changed ', NOW(6)) WHERE id = ${1 + draw(40)}`],
  }),
  'a deletion': ({ draw }) => ({ statements: [`DELETE FROM shop.orders WHERE id = ${1 + draw(40)}`] }),
  'a transaction': (person) =>
    marked(person, (mark, n) => [
      'START TRANSACTION',
      `INSERT INTO shop.orders (what) VALUES ('t ${person.who}-${n}')`,
      'INSERT INTO shop.lines (order_id) VALUES (LAST_INSERT_ID())',
      `UPDATE shop.orders SET what = LEFT(CONCAT('!', what), 90) WHERE id < ${1 + person.draw(20)}`,
      mark,
      'COMMIT',
    ]),
  'a long transaction': (person) =>
    marked(person, (mark) => [
      'START TRANSACTION',
      mark,
      20 + person.draw(200),
      `UPDATE shop.orders SET what = 'long' WHERE id = ${1 + person.draw(40)}`,
      'COMMIT',
    ]),
  'a long statement': ({ draw }) => ({
    statements: [`INSERT INTO shop.orders (what) SELECT CONCAT('slow ', SLEEP(0.0${2 + draw(8)}))`],
  }),
  'a large transaction': (person) =>
    marked(person, (mark, n) => [
      'START TRANSACTION',
      `INSERT INTO shop.blobs VALUES (${person.who}, ${n}, REPEAT('large ', ${6_000 + person.draw(9_000)}))`,
      mark,
      'COMMIT',
    ]),
  'a transaction taken back': (person) => ({
    statements: [
      'START TRANSACTION',
      markOf(person, person.next()),
      `UPDATE shop.orders SET what = 'never' WHERE id > ${person.draw(40)}`,
      `INSERT INTO depot.stays VALUES (${person.who}, ${person.draw(99)})`,
      'ROLLBACK',
    ],
  }),
  'a savepoint': (person) =>
    marked(person, (mark) => [
      'START TRANSACTION',
      `INSERT INTO shop.orders (what) VALUES ('kept')`,
      'SAVEPOINT s',
      markOf(person, person.next()),
      `INSERT INTO depot.stays VALUES (${person.who}, ${person.draw(99)})`,
      'ROLLBACK TO SAVEPOINT s',
      mark,
      'COMMIT',
    ]),
  'XA, committed': (person) => marked(person, (mark, n) => xa(person, mark, n, 'COMMIT')),
  'XA, rolled back': (person) => {
    const n = person.next();
    return { statements: xa(person, markOf(person, n), n, 'ROLLBACK') };
  },
  'a temporary table': ({ who, draw }) => ({
    statements: [
      "SET binlog_format = 'STATEMENT'",
      `CREATE TEMPORARY TABLE IF NOT EXISTS shop.few_${who} (i INT)`,
      `INSERT INTO shop.few_${who} VALUES (${draw(99)})`,
    ],
  }),
  'rows out of a temporary table': ({ who }) => ({
    statements: [`INSERT INTO shop.orders (what) SELECT CONCAT('few ', SUM(i)) FROM shop.few_${who}`],
  }),
  'no temporary table': ({ who }) => ({ statements: [`DROP TEMPORARY TABLE IF EXISTS shop.few_${who}`] }),
  MyISAM: ({ who, draw }) => ({
    statements: [
      `INSERT INTO depot.own VALUES (${who}, ${draw(99)}), (${who}, 0)`,
      `UPDATE depot.own SET n = n + ${draw(9)} WHERE who = ${who}`,
    ],
  }),
  Aria: ({ draw }) => ({ statements: [`INSERT INTO depot.places (n) VALUES (${draw(99)})`] }),
  MEMORY: () => ({ statements: ['UPDATE shop.carts SET n = n + 1'] }),
  'half a statement': ({ who, draw, next }) => ({
    // The first row stays, the second is one too many.
    statements: [
      'BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1062 BEGIN END; ' +
        `INSERT INTO depot.halves (id, n) VALUES (${10_000 * who + next()}, ${draw(9)}), (1, 1); END`,
    ],
  }),
  'a sequence': () => ({ statements: ['SELECT NEXT VALUE FOR shop.numbers'] }),
  'a procedure': ({ draw }) => ({ statements: [`CALL shop.several(${2 + draw(3)})`] }),
  'a table of a query': ({ draw }) => ({
    statements: [`CREATE OR REPLACE TABLE depot.t${draw(3)} AS SELECT id, what FROM shop.orders`],
  }),
  'a new table': ({ who, draw }) => ({
    statements: [
      `CREATE OR REPLACE TABLE shop.p${who} (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE=${engines[draw(3)]}`,
      `INSERT INTO shop.p${who} (n) VALUES (1), (2)`,
    ],
  }),
  'a column more': ({ who, draw }) => ({
    statements: [`ALTER TABLE shop.p${who} ADD COLUMN IF NOT EXISTS extra INT DEFAULT ${draw(9)}`],
  }),
  'a column less': ({ who }) => ({ statements: [`ALTER TABLE shop.p${who} DROP COLUMN IF EXISTS extra`] }),
  'another engine': ({ who, draw }) => ({
    statements: [`ALTER TABLE shop.p${who} ENGINE=${engines[draw(3)]}`],
  }),
  'an empty table': ({ who }) => ({ statements: [`TRUNCATE TABLE shop.p${who}`] }),
  'a table renamed': ({ who }) => ({
    statements: [`RENAME TABLE shop.p${who} TO depot.q${who}, depot.q${who} TO shop.p${who}`],
  }),
  'a database': ({ who }) => ({
    statements: [
      `CREATE DATABASE IF NOT EXISTS side${who}`,
      `CREATE TABLE IF NOT EXISTS side${who}.x (i INT)`,
      `INSERT INTO side${who}.x VALUES (1)`,
    ],
  }),
  'no database': ({ who }) => ({ statements: [`DROP DATABASE IF EXISTS side${who}`] }),
  'a user': ({ who, draw }) => ({
    statements: [
      `CREATE OR REPLACE USER u${who} IDENTIFIED BY 'p${draw(9)}'`,
      `GRANT ${['SELECT', 'INSERT', 'ALL'][draw(3)]} ON shop.* TO u${who}`,
    ],
  }),
  'no user': ({ who }) => ({ statements: [`DROP USER IF EXISTS u${who}`] }),
  'an event': ({ who, draw }) => ({
    statements: [
      `CREATE OR REPLACE EVENT shop.e${who} ON SCHEDULE EVERY 1 YEAR ${draw(2) === 0 ? 'DISABLE' : ''} DO DELETE FROM shop.orders`,
    ],
  }),
  'no event': ({ who }) => ({ statements: [`DROP EVENT IF EXISTS shop.e${who}`] }),
  'a format': ({ draw }) => ({ statements: [`SET binlog_format = '${formats[draw(3)]}'`] }),
  'a domain': ({ draw }) => ({ statements: [`SET gtid_domain_id = ${draw(3)}`] }),
  // A replica knows a temporary table by the server id of its session.
  'a server id': ({ who, draw }) => ({
    statements: [`DROP TEMPORARY TABLE IF EXISTS shop.few_${who}`, `SET server_id = ${9000 + draw(3)}`],
  }),
  'a time of its own': ({ draw }) => ({
    statements: [
      `SET timestamp = ${1_700_000_000 + draw(1_000_000)}.5`,
      `SET time_zone = '${zones[draw(3)]}'`,
    ],
  }),
  'the real time': () => ({ statements: ['SET timestamp = DEFAULT'] }),
  'other characters': ({ draw }) => ({
    statements: [
      `SET NAMES ${['latin1', 'utf8mb4'][draw(2)]}`,
      "INSERT INTO shop.orders (what) VALUES ('Käse, œuf')",
    ],
  }),
  'another binlog': () => ({ statements: ['FLUSH BINARY LOGS'] }),
};

function xa({ who, draw }: Person, mark: string, n: number, end: string): (string | number)[] {
  const id = `'${who}-${n}'`;
  return [
    `XA START ${id}`,
    `INSERT INTO shop.orders (what) VALUES ('XA ${who}-${n}')`,
    mark,
    `XA END ${id}`,
    `XA PREPARE ${id}`,
    draw(150),
    `XA ${end} ${id}`,
  ];
}
