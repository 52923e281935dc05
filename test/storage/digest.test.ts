/** Digests that leave the event loop its turns. */
import { expect, test } from '@jest/globals';
import { hash, randomBytes } from 'node:crypto';
import { sha256Of } from '../../storage/digest.ts';

test.each([0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_000_003])(
  'the digest of %i bytes is that of all of them',
  async (size) => {
    const bytes = randomBytes(size);
    expect(await sha256Of(bytes)).toBe(hash('sha256', bytes));
  },
);

test('other work has its turn while a large part is hashed', async () => {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  await sha256Of(Buffer.alloc(64 * 1024 ** 2));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});
