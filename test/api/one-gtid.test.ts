/** A restore to a transaction names one: a list has always been refused, when it was planned. */
import { expect, test } from '@jest/globals';
import { restoreRequest } from '../../api/schemas/restore-request.ts';

test('gtid of a restore takes one GTID, and no list', () => {
  const body = { id: 'source', gtid: '0-1-42' };
  const issues = (gtid: string): unknown => restoreRequest.safeParse({ ...body, gtid }).error?.issues;
  const about = (found: unknown): boolean => JSON.stringify(found ?? []).includes('"gtid"');
  expect(about(issues('0-1-42'))).toBe(false);
  expect(about(issues('0-1-42,1-1-7'))).toBe(true);
});
