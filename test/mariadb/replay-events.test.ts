import { expect, test } from '@jest/globals';
import { type EventStatus, eventChange, eventKey } from '../../mariadb/replay/event-statements.ts';

const clerk = eventKey('shop', 'nightly');

function after(
  statement: string,
  before: EventStatus | undefined,
  database = 'shop',
): EventStatus | undefined {
  const statuses = new Map(before ? [[clerk, before]] : []);
  eventChange(statement, database)?.(statuses);
  return statuses.get(clerk);
}

test.each([
  ['CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO SELECT 1', 'ENABLED'],
  ['create event `Nightly` on schedule every 1 day disable do select 1', 'DISABLED'],
  ['CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO SELECT 1', 'SLAVESIDE_DISABLED'],
  [
    "CREATE EVENT nightly ON SCHEDULE AT '2030-01-01' COMMENT 'DISABLE' DO UPDATE t SET a = 'DISABLE'",
    'ENABLED',
  ],
  ['CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY /* DISABLE */ -- DISABLE\n ENABLE DO SELECT 1', 'ENABLED'],
  [
    'CREATE OR REPLACE DEFINER=`on`@`%` EVENT IF NOT EXISTS shop.nightly ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE DO BEGIN END',
    'DISABLED',
  ],
  ['/*!50106 CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1 */', 'DISABLED'],
  ['CREATE EVENT depot.nightly ON SCHEDULE EVERY 1 DAY DO SELECT 1', undefined],
  ['CREATE TRIGGER nightly BEFORE INSERT ON event FOR EACH ROW SET @a = 1', undefined],
  ['CREATE TABLE event (nightly INT)', undefined],
])('%s', (statement, status) => {
  expect(after(statement, undefined)).toBe(status);
});

test('an event that is altered keeps its status unless another is named', () => {
  expect(after('ALTER EVENT nightly ON SCHEDULE EVERY 2 DAY', 'DISABLED')).toBe('DISABLED');
  expect(after('ALTER EVENT nightly ON COMPLETION PRESERVE ENABLE', 'DISABLED')).toBe('ENABLED');
  expect(after('ALTER EVENT nightly DISABLE', 'ENABLED')).toBe('DISABLED');
  expect(after('CREATE EVENT IF NOT EXISTS nightly ON SCHEDULE EVERY 1 DAY DO SELECT 1', 'DISABLED')).toBe(
    'DISABLED',
  );
});

test('an event is known by its new name, and forgotten when it or its database goes', () => {
  const statuses = new Map<string, EventStatus>([[clerk, 'DISABLED']]);
  eventChange('ALTER EVENT nightly RENAME TO depot.`a``b`', 'shop')?.(statuses);
  expect([...statuses]).toEqual([[eventKey('depot', 'a`b'), 'DISABLED']]);
  eventChange('DROP DATABASE IF EXISTS `depot`', '')?.(statuses);
  expect(statuses.size).toBe(0);
  expect(after('DROP EVENT IF EXISTS nightly', 'ENABLED')).toBeUndefined();
});

test('a replica disables what it is told of, whatever the source does', () => {
  const told = (statement: string, before: EventStatus): EventStatus | undefined => {
    const statuses = new Map([[clerk, before]]);
    eventChange(statement, 'shop', true)?.(statuses);
    return statuses.get(clerk);
  };
  for (const statement of [
    'CREATE OR REPLACE EVENT nightly ON SCHEDULE EVERY 1 DAY ENABLE DO SELECT 1',
    'CREATE OR REPLACE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1',
    'ALTER EVENT nightly ENABLE',
    'ALTER EVENT nightly ON SCHEDULE EVERY 2 DAY',
  ])
    expect(told(statement, 'ENABLED')).toBe('SLAVESIDE_DISABLED');
  expect(told('DROP EVENT nightly', 'ENABLED')).toBeUndefined();
});
