/** What is said of tables that there was no time for. */
import { afterEach, expect, jest, test } from '@jest/globals';
import { openTables } from '../../mariadb/restore/tables.ts';
import type { Connection } from '../../mariadb/server/sql.ts';
import { testAttempt } from '../support/attempts.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** A server with so many tables, each of which takes so long to be opened. */
function slowServer(tables: number, openedInMs: number): { connection: Connection; opened: string[] } {
  const opened: string[] = [];
  let now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  const query = async (sql: string): Promise<unknown[]> => {
    if (!sql.startsWith('SELECT 1 FROM')) {
      return Array.from({ length: tables }, (_, index) => ({
        db: 'shop',
        name: `t${index}`,
        engine: 'InnoDB',
        loaded: 1,
      }));
    }
    opened.push(sql);
    now += openedInMs;
    return [];
  };
  return { connection: { query } as unknown as Connection, opened };
}

test('a check that runs out of time says how many tables it did not open', async () => {
  const { connection, opened } = slowServer(10, 60_000);
  const result = await openTables(connection, '/nowhere', await testAttempt());
  expect(result).toEqual({
    opened: opened.length,
    warnings: [expect.stringMatching(/^4 of 10 tables were not opened .* 5 minutes were not enough/)],
  });
  expect(opened).toHaveLength(6);
});

test('a check that was quick enough has nothing to say', async () => {
  const { connection } = slowServer(10, 1_000);
  expect(await openTables(connection, '/nowhere', await testAttempt())).toEqual({ opened: 10, warnings: [] });
});
