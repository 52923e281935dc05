import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { jwtVerify } from 'jose';
import { publishedKeys } from '../../../api/auth/published-keys.ts';
import { TestIssuer } from './issuer.ts';

const minute = 60_000;
let issuer: TestIssuer;
let now: number;
let warnings: string[];
let verifies: (token: string) => Promise<boolean>;

beforeEach(async () => {
  issuer = new TestIssuer();
  await issuer.listen();
  await issuer.addKey('one');
  now = 1_000_000;
  warnings = [];
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
  const keys = publishedKeys(issuer.url, log, { now: () => now });
  verifies = async (token) => {
    try {
      await jwtVerify(token, keys);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_J')) return false;
      throw error;
    }
  };
});
afterEach(async () => {
  await issuer.close();
});

test('are fetched once for many tokens at once, and again when they are old', async () => {
  const token = await issuer.token('one');
  expect(await Promise.all(Array.from({ length: 20 }, async () => verifies(token)))).not.toContain(false);
  expect(issuer.fetches).toBe(1);
  now += 4 * minute;
  expect(await verifies(token)).toBe(true);
  expect(issuer.fetches).toBe(1);
  now += minute;
  expect(await verifies(token)).toBe(true);
  expect(issuer.fetches).toBe(2);
});

test('are fetched again for a key that is not among them, but not for each', async () => {
  expect(await verifies(await issuer.token('one'))).toBe(true);
  await issuer.addKey('two');
  now += 6_000;
  expect(await verifies(await issuer.token('two'))).toBe(true);
  expect(issuer.fetches).toBe(2);
  const stranger = new TestIssuer();
  for (const id of ['x', 'y', 'z']) {
    await stranger.addKey(id);
    expect(await verifies(await stranger.token(id))).toBe(false);
  }
  expect(issuer.fetches).toBe(2);
});

test('that were withdrawn are not taken when they are fetched again', async () => {
  const token = await issuer.token('one');
  expect(await verifies(token)).toBe(true);
  issuer.removeKey('one');
  await issuer.addKey('two');
  now += 6 * minute;
  expect(await verifies(token)).toBe(false);
});

test.each<[string, (issuer: TestIssuer) => void]>([
  ['answers with an error', (one) => (one.away = true)],
  ['answers with no JSON', (one) => (one.instead = '<html>')],
  ['answers with no keys', (one) => (one.instead = '{"keys":"none"}')],
])('are kept, for days, when the issuer %s', async (_how, break_) => {
  const token = await issuer.token('one');
  expect(await verifies(token)).toBe(true);
  break_(issuer);
  for (let hours = 0; hours < 72; hours += 12) {
    now += 720 * minute;
    expect(await verifies(token)).toBe(true);
  }
  expect(issuer.fetches).toBeGreaterThan(3);
  expect(new Set(warnings)).toEqual(new Set(['the keys of the issuer are kept: it does not answer']));
  issuer.away = false;
  issuer.instead = undefined;
  await issuer.addKey('two');
  now += 6_000;
  expect(await verifies(await issuer.token('two'))).toBe(true);
});

test('that could never be fetched are an outage, not a wrong token, and it passes', async () => {
  issuer.away = true;
  const token = await issuer.token('one');
  const outage = { code: 'issuer_unavailable', retryable: true, status: 503 };
  await expect(verifies(token)).rejects.toMatchObject(outage);
  await expect(verifies(token)).rejects.toMatchObject({
    message: `The keys of the issuer of JWTs cannot be fetched from ${issuer.url}: it answered with the status 503.`,
  });
  expect(issuer.fetches).toBe(1);
  issuer.away = false;
  now += 6_000;
  expect(await verifies(token)).toBe(true);
});

test('are not fetched from where the issuer is said to have moved', async () => {
  const moved = new TestIssuer();
  await moved.listen();
  await moved.addKey('one');
  issuer.redirect = moved.url;
  await expect(verifies(await moved.token('one'))).rejects.toMatchObject({ code: 'issuer_unavailable' });
  expect(moved.fetches).toBe(0);
  await moved.close();
});
