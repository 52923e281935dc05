/** Who waits for more to be archived, and who has given it up. */
import { expect, test } from '@jest/globals';
import { Standing } from '../../mariadb/follow/standing.ts';
import { silentLog } from '../support/mariadb.ts';

test('whoever gives up waiting makes nothing urgent any more', async () => {
  const standing = new Standing('/nowhere', { file: 'bin.000007', position: 0 }, silentLog);
  const [one, other] = [new AbortController(), new AbortController()];
  const target = { file: 'bin.000009', position: 5 };
  const first = standing.until(target, one.signal);
  const second = standing.until(target, other.signal);
  one.abort(new Error('called off'));
  await expect(first).rejects.toThrow('called off');
  expect(standing.urgent).toBe(true);
  other.abort(new Error('this one too'));
  await expect(second).rejects.toThrow('this one too');
  expect(standing.urgent).toBe(false);
  await expect(standing.until(target, one.signal)).rejects.toThrow('called off');
  expect(standing.urgent).toBe(false);
});
