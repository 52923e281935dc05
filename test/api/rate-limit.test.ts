import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rateLimit } from '../../api/rate-limit.ts';
import type { TidemarkError } from '../../domain/errors.ts';
import { openApi, tokens } from './harness.ts';

/** The seconds to wait; 0 when the request is taken. */
function take(limit: ReturnType<typeof rateLimit>, who = 'me'): number {
  try {
    limit.take(who);
    return 0;
  } catch (error) {
    expect(error).toMatchObject({ code: 'too_many_requests' });
    return (error as TidemarkError).retryAfterSeconds ?? 0;
  }
}

test('so many are taken within a minute, the next one is told when to come again, and is then taken', () => {
  let now = 30_000;
  const limit = rateLimit(60, 'You', () => now);
  for (let index = 0; index < 60; index += 1) expect(take(limit)).toBe(0);
  const wait = take(limit);
  expect(wait).toBeGreaterThan(30);
  expect(wait).toBeLessThanOrEqual(60);
  now += wait * 1000 - 1100;
  expect(take(limit)).toBeGreaterThan(0);
  now += 1100;
  expect(take(limit)).toBe(0);
});

test('each has a limit of its own, and 0 is none', () => {
  const limit = rateLimit(1, 'You', () => 0);
  expect([take(limit, 'a'), take(limit, 'b')]).toEqual([0, 0]);
  expect(take(limit, 'a')).toBeGreaterThan(0);
  const none = rateLimit(0, 'You');
  for (let index = 0; index < 1000; index += 1) expect(take(none)).toBe(0);
});

test('in no minute, wherever it begins, much more than the limit is taken; and who waits as told is taken', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 }),
      (perMinute, pauses) => {
        let now = 0;
        const limit = rateLimit(perMinute, 'You', () => now);
        const taken: number[] = [];
        for (const pause of pauses) {
          now += pause;
          let wait = take(limit);
          if (wait > 0) {
            now += wait * 1000;
            wait = take(limit);
          }
          expect(wait).toBe(0);
          taken.push(now);
        }
        for (const begin of taken) {
          const within = taken.filter((time) => time >= begin && time < begin + 60_000).length;
          // The minute before counts as if it had been spread evenly: a burst at its end weighs less for a while.
          expect(within).toBeLessThanOrEqual(perMinute * 2);
        }
      },
    ),
  );
});

test('over HTTP: the same credentials, and the same address, get 429 with Retry-After; health does not', async () => {
  const api = await openApi('away', { limits: { subject: 5, address: 20 }, trustedProxies: ['10.0.0.1'] });
  try {
    const statuses = async (times: number, token: string, address: string): Promise<number[]> => {
      const all: number[] = [];
      for (let index = 0; index < times; index += 1) {
        const answer = await api.ask('GET', '/services', { token, address });
        all.push(answer.status);
        if (answer.status !== 429) continue;
        expect([answer.errors, Number(answer.headers.get('retry-after')) > 0]).toEqual([
          ['too_many_requests'],
          true,
        ]);
        expect(answer.headers.get('x-request-id')).toBe(answer.body['trace_id']);
      }
      return all;
    };
    expect(await statuses(6, tokens.viewer, '192.0.2.1')).toEqual([200, 200, 200, 200, 200, 429]);
    // From wherever it comes, and beside others.
    expect(await statuses(1, tokens.viewer, '192.0.2.2')).toEqual([429]);
    expect(await statuses(1, tokens.operator, '192.0.2.1')).toEqual([200]);
    // Guesses count, too.
    expect(await statuses(15, 'guess', '192.0.2.1')).toEqual([
      ...Array.from({ length: 13 }, () => 401),
      429,
      429,
    ]);
    const viaProxy = await api.ask('GET', '/whoami', {
      token: tokens.administrator,
      address: '10.0.0.1',
      headers: { 'X-Forwarded-For': '192.0.2.1' },
    });
    expect(viaProxy.status).toBe(429);
    const forged = await api.ask('GET', '/whoami', {
      address: '192.0.2.9',
      headers: { 'X-Forwarded-For': '192.0.2.1' },
    });
    expect(forged.status).toBe(200);
    for (const path of ['/healthz', '/metrics']) {
      expect((await api.askRaw('GET', path, { token: '', address: '192.0.2.1' })).status).toBe(200);
    }
  } finally {
    await api.close();
  }
});
