/** Statements that change tables with what others have that are left out of a replay. */
import { expect, test } from '@jest/globals';
import { changedBeside } from '../../mariadb/replay/beside.ts';

const names = new Set(['shop.Carts']);

test.each([
  ['INSERT INTO orders SELECT * FROM carts', ['shop.orders']],
  ['UPDATE `orders` o JOIN other.t, `shop`.`carts` c SET o.a = c.a', ['shop.orders', 'other.t']],
  ['DELETE orders FROM orders JOIN carts USING (id)', ['shop.orders']],
  ['REPLACE INTO other.t (a) VALUES ((SELECT MAX(a) FROM shop . carts))', ['other.t']],
  ['CREATE TABLE copies AS SELECT * FROM carts', ['shop.copies']],
])('may have changed others: %s', (statement, tables) => {
  expect(changedBeside(statement, 'shop', names)).toEqual(tables);
});

test.each([
  ['shop', 'INSERT INTO carts SELECT * FROM orders'],
  ['shop', 'DELETE FROM `shop`.`carts`'],
  ['shop', "INSERT INTO orders VALUES ('carts', 'it''s carts') -- carts"],
  ['other', 'INSERT INTO orders SELECT * FROM carts'],
  ['other', 'INSERT INTO shop.orders SELECT * FROM other.carts'],
  ['shop', 'TRUNCATE TABLE carts'],
])('in %s, nothing else is changed: %s', (database, statement) => {
  expect(changedBeside(statement, database, names)).toEqual([]);
});
