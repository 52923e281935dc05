/** What a request for part of a service means, and what is wrong with one. */
import { describe, expect, test } from '@jest/globals';
import { isIncluded, partSentence, problemsOf, wantedOf } from '../../domain/part.ts';

test('each database is wanted once, with its tables or as a whole', () => {
  expect(wantedOf(['shop.orders', 'crm', 'shop.lines', 'shop.orders', 'crm.people'])).toEqual([
    { name: 'shop', tables: ['orders', 'lines'] },
    { name: 'crm', tables: 'all' },
  ]);
  expect(wantedOf(['shop.orders', 'shop'])).toEqual([{ name: 'shop', tables: 'all' }]);
});

test.each([
  [['shop'], '`shop`.`orders`', true],
  [['shop.or`ders'], '`shop`.`or``ders`', true],
  [['shop.orders'], '`shop`.`lines`', false],
  [['shop'], '`shop2`.`orders`', false],
])('%j and %s: %s', (include, table, included) => {
  expect(isIncluded({ include }, table)).toBe(included);
});

describe('a request', () => {
  test.each([
    [{ include: ['shop'] }],
    [{ include: ['shop.orders', 'crm'] }],
    [{ include: ['shop.orders', 'shop.lines'], as: 'shop_before' }],
  ])('%j is fine', (request) => {
    expect(problemsOf(request, 'side-by-side')).toEqual([]);
  });

  test.each([
    [{ include: ['shop', 'mysql.user', 'SYS'] }, 'include', /^a list without mysql, SYS: /],
    [{ include: ['shop', 'crm'], as: 'both' }, 'as', /names 2 databases/],
    [{ include: ['shop'], as: 'shop' }, 'as', /not there yet/],
    [{ include: ['shop'], as: 'mysql' }, 'as', /not there yet/],
    [{ include: ['shop'], as: 'back ' }, 'as', /without a blank/],
    [{ include: ['shop'], as: '🛒' }, 'as', /U\+FFFF/],
  ])('%j is told what is wrong with it', (request, field, rule) => {
    expect(problemsOf(request, 'side-by-side')).toEqual([
      { field, rule: expect.stringMatching(rule) as unknown },
    ]);
  });

  test('in place there is no part', () => {
    expect(problemsOf({ include: ['shop'] }, 'in-place')).toEqual([
      { field: 'mode', rule: expect.stringContaining('no file of the server is touched') as unknown },
    ]);
  });
});

test('the message names what came back, and not all of a long list', () => {
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  expect(partSentence({ include: many })).toBe('a, b, c, d, e and 2 more came back into the running server.');
  expect(partSentence({ include: ['shop.orders'], as: 'before' })).toBe(
    'shop.orders came back as before, beside what is there.',
  );
});
