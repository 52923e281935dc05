/** Which failures of the client that loads a dump are passed over. */
import { expect, test } from '@jest/globals';
import { Failures, type PassedOver } from '../../mariadb/dump/load.ts';

/** As the client says it. @returns what ends the load; empty: nothing does */
function fatalOf(passOver: PassedOver | undefined, statement: string, error: string): string {
  const failures = new Failures(passOver);
  const rule = '--------------';
  for (const line of [rule, ...statement.split('\n'), rule, error]) failures.add(line);
  return failures.fatal;
}

const missing = "ERROR 1146 (42S02) at line 7: Table 'b.t' doesn't exist";
const grant = 'GRANT SELECT ON `b`.`t` TO `held`@`localhost`';
const view =
  '/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`b` */\n/*!50001 VIEW `v` AS select 1 */';

test.each([
  ['grants', grant, missing],
  ['grants', `/*M!100203 ${grant} */`, missing],
  [
    'grants',
    'GRANT EXECUTE ON PROCEDURE `b`.`p` TO x',
    'ERROR 1305 (42000) at line 7: PROCEDURE p does not exist',
  ],
  ['views', view, missing],
  ['views', '/*!50001 CREATE VIEW `v` AS select 1 */', "ERROR 1049 (42000) at line 7: Unknown database 'b'"],
] as const)('%s: %s may fail', (passOver, statement, error) => {
  expect(fatalOf(passOver, statement, error)).toBe('');
});

test.each([
  ['grants', 'CREATE TABLE `t` (\n  `id` int DEFAULT nextval(`b`.`s`)\n)', missing],
  ['grants', 'INSERT INTO `t` VALUES\n(1)', missing],
  ['grants', "INSERT INTO `t` VALUES ('\nGRANT SELECT ON x TO y')", missing],
  ['grants', view, missing],
  ['grants', grant, 'ERROR 1064 (42000) at line 7: You have an error in your SQL syntax'],
  ['grants', grant, 'ERROR at line 7: Unknown command'],
  ['views', 'INSERT INTO `t` VALUES\n(1)', missing],
  ['views', 'USE `b`', "ERROR 1049 (42000) at line 7: Unknown database 'b'"],
  [undefined, grant, missing],
] as const)('%s: %s may not', (passOver, statement, error) => {
  expect(fatalOf(passOver, statement, error)).toBe(error);
});

test('what stands before an error is of that error alone, and an error without a statement is fatal', () => {
  const failures = new Failures('grants');
  const rule = '--------------';
  expect([rule, grant, rule, missing].some((line) => failures.add(line))).toBe(false);
  expect(failures.warnings()).toEqual([expect.stringMatching(/^1 statements .* grants on what was dropped/)]);
  expect(failures.add(missing)).toBe(true);
});
