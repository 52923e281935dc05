/** What is hard to put into statements and to bring back from them: for tests of dumps. */
import { expect } from '@jest/globals';
import type { TestServer } from './mariadb.ts';

/** Names that have to be quoted, objects that need others, and tables that are no plain ones. */
const awkwardStatements = [
  'CREATE DATABASE `a``b c é` CHARACTER SET utf8mb4',
  'CREATE DATABASE `-options`',
  'CREATE TABLE `-options`.`--tables` (`order` INT PRIMARY KEY)',
  'INSERT INTO `-options`.`--tables` SELECT seq FROM seq_1_to_50',
  'CREATE TABLE `a``b c é`.`t ``1` (id INT PRIMARY KEY AUTO_INCREMENT, `x``y` VARCHAR(50), bytes BLOB)',
  "INSERT INTO `a``b c é`.`t ``1` VALUES (1, 'line\r\nnext\\\\ \\0 ''quoted''', X'00FF27225C0A'), (2, '😀 é', NULL)",
  'CREATE TABLE `a``b c é`.zero (id INT PRIMARY KEY AUTO_INCREMENT, at TIMESTAMP NULL)',
  "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO' FOR INSERT INTO `a``b c é`.zero VALUES (0, NULL)",
  'CREATE TABLE `a``b c é`.kept (a INT PRIMARY KEY, b INT) WITH SYSTEM VERSIONING',
  'INSERT INTO `a``b c é`.kept VALUES (1, 1), (2, 1)',
  'UPDATE `a``b c é`.kept SET b = 2 WHERE a = 1',
  'DELETE FROM `a``b c é`.kept WHERE a = 2',
  'CREATE SEQUENCE `a``b c é`.numbers START WITH 100',
  'SELECT NEXTVAL(`a``b c é`.numbers)',
  'CREATE TABLE `a``b c é`.memory (a INT) ENGINE=MEMORY',
  'INSERT INTO `a``b c é`.memory VALUES (1), (2)',
  'CREATE TABLE `a``b c é`.computed (a INT, b INT AS (a * 2) STORED, c INT AS (a + 1) VIRTUAL, d INT INVISIBLE DEFAULT 7)',
  'INSERT INTO `a``b c é`.computed (a) VALUES (5)',
  // The first by name needs the second.
  'CREATE VIEW `a``b c é`.under AS SELECT id, `x``y` FROM `a``b c é`.`t ``1`',
  'CREATE VIEW `a``b c é`.above AS SELECT * FROM `a``b c é`.under',
  'CREATE TABLE `a``b c é`.child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES `t ``1` (id))',
  'INSERT INTO `a``b c é`.child VALUES (1, 2)',
  // Two double quotes are a name there, and a text elsewhere.
  "SET sql_mode='ANSI_QUOTES'",
  'CREATE PROCEDURE `a``b c é`.`p 1`() BEGIN SELECT "id" FROM "t `1"; END',
  'SET sql_mode=DEFAULT',
  'CREATE FUNCTION `a``b c é`.twice(x INT) RETURNS INT DETERMINISTIC RETURN x * 2',
  'CREATE TRIGGER `a``b c é`.`on ``1` BEFORE INSERT ON `a``b c é`.`t ``1` FOR EACH ROW SET NEW.bytes = COALESCE(NEW.bytes, 1)',
  'CREATE EVENT `a``b c é`.`e 1` ON SCHEDULE EVERY 1 DAY DO SELECT 1',
  "CREATE USER 'one''s'@'%' IDENTIFIED BY 'its password'",
  'CREATE ROLE readers',
  'GRANT SELECT ON *.* TO readers',
  "GRANT readers TO 'one''s'@'%'",
  "SET DEFAULT ROLE readers FOR 'one''s'@'%'",
  // Of names with other letters than ASCII's MariaDB itself loses such a grant at its next start.
  'CREATE PROCEDURE `-options`.`p 2`() SELECT 2',
  "GRANT EXECUTE ON PROCEDURE `-options`.`p 2` TO 'one''s'@'%'",
  "GRANT SELECT (id), INSERT ON `a``b c é`.`t ``1` TO 'one''s'@'%'",
  "CREATE USER locked@localhost IDENTIFIED BY 'x' REQUIRE SSL ACCOUNT LOCK",
];

/** In one session: some of the statements set how the next ones are read. */
export async function loadAwkward(server: TestServer): Promise<void> {
  await server.session(awkwardStatements);
}

/** All that has to be the same after a restore, whatever it lies in. */
export async function portrait(server: TestServer, options: { accounts?: boolean } = {}): Promise<unknown> {
  const ofUsers = "NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')";
  const queries = [
    `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_DEFINITION, SQL_MODE, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA ${ofUsers} ORDER BY 1, 2`,
    `SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_DEFINITION, INTERVAL_VALUE, STARTS, STATUS FROM information_schema.EVENTS ORDER BY 1, 2`,
    `SELECT TRIGGER_SCHEMA, TRIGGER_NAME, ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA ${ofUsers} ORDER BY 1, 2`,
    `SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA ${ofUsers} ORDER BY 1, 2`,
    `SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA ORDER BY 1`,
    'SELECT *, row_start, row_end FROM `a``b c é`.kept FOR SYSTEM_TIME ALL ORDER BY a, row_start',
    'SELECT * FROM `a``b c é`.above',
    'SELECT next_not_cached_value FROM `a``b c é`.numbers',
    'CALL `a``b c é`.`p 1`()',
  ];
  const answers: unknown[] = [];
  for (const query of queries) answers.push(await server.query(query));
  if (options.accounts !== false) answers.push(await accounts(server));
  return answers;
}

/** What every account is and may do, the agent's own apart. */
async function accounts(server: TestServer): Promise<Record<string, unknown>> {
  const rows = await server.query<{ name: string; role: number }>(
    "SELECT IF(JSON_VALUE(Priv, '$.is_role') = 1, CONCAT('`', User, '`'), CONCAT('`', User, '`@`', Host, '`')) AS name, " +
      "COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) AS role FROM mysql.global_priv WHERE User <> 'tidemark' ORDER BY 1",
  );
  expect(rows.length).toBeGreaterThan(3);
  const found: Record<string, unknown> = {};
  for (const { name, role } of rows) {
    found[name] = [
      Number(role) === 1 ? '' : await server.query(`SHOW CREATE USER ${name}`),
      // The first account of a fresh server has some twice.
      [
        ...new Set((await server.query(`SHOW GRANTS FOR ${name}`)).map((row) => Object.values(row)[0])),
      ].sort(),
    ];
  }
  return found;
}
