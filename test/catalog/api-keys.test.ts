import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { ApiKeyRecord } from '../../catalog/api-key-types.ts';
import type { Catalog } from '../../catalog/types.ts';
import { apiKeyDigest, apiKeyShown, isApiKey, makeApiKey } from '../../domain/api-keys.ts';
import { describeOnBoth } from './databases.ts';

interface Made {
  key: string;
  record: ApiKeyRecord;
}

async function made(
  catalog: Catalog,
  changes: { organization?: string; expiresAt?: string } = {},
): Promise<Made> {
  const key = makeApiKey();
  const record = await catalog.createApiKey({
    organization: `org-${randomBytes(4).toString('hex')}`,
    role: 'operator',
    name: 'nightly job',
    shown: apiKeyShown(key),
    digest: apiKeyDigest(key),
    ...changes,
  });
  return { key, record };
}

test('keys are long, random and of a form of their own', () => {
  const keys = Array.from({ length: 100 }, makeApiKey);
  expect(new Set(keys.map((key) => key.slice(4, 12))).size).toBe(100);
  for (const key of keys) expect(isApiKey(key)).toBe(true);
  for (const key of keys) expect(key).toMatch(/^tmk_[0-9a-f]{64}$/);
  expect(isApiKey(`${keys[0]}0`)).toBe(false);
});

describeOnBoth('API keys', (database) => {
  test('are found by their digest, and are not in the catalog themselves', async () => {
    const { key, record } = await made(database.catalog);
    expect(record).toEqual({
      id: expect.any(Number) as unknown,
      organization: record.organization,
      role: 'operator',
      name: 'nightly job',
      shown: key.slice(0, 12),
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
    });
    expect(await database.catalog.findApiKey(apiKeyDigest(key))).toEqual(record);
    expect(await database.catalog.findApiKey(apiKeyDigest(makeApiKey()))).toBeUndefined();
    expect(JSON.stringify(await database.catalog.listApiKeys())).not.toContain(key.slice(0, 20));
  });

  test('are listed in the order of their making, of one organization or all', async () => {
    const first = await made(database.catalog);
    const other = await made(database.catalog);
    const second = await made(database.catalog, { organization: first.record.organization });
    expect(await database.catalog.listApiKeys(first.record.organization)).toEqual([
      first.record,
      second.record,
    ]);
    expect(await database.catalog.listApiKeys()).toEqual(
      expect.arrayContaining([first.record, other.record]),
    );
    expect(await database.catalog.listApiKeys('nobody')).toEqual([]);
  });

  test('are revoked once, for good; the first time stays', async () => {
    const { key, record } = await made(database.catalog);
    const revoked = await database.catalog.revokeApiKey(record.id);
    expect(revoked.revokedAt).toEqual(expect.stringMatching(/Z$/));
    expect(await database.catalog.revokeApiKey(record.id)).toEqual(revoked);
    expect(await database.catalog.findApiKey(apiKeyDigest(key))).toEqual(revoked);
    await expect(database.catalog.expireApiKey(record.id)).rejects.toMatchObject({ code: 'api_key_revoked' });
  });

  test('get an end, another one, and none again', async () => {
    const { record } = await made(database.catalog, { expiresAt: '2030-01-01T00:00:00+01:00' });
    expect(record.expiresAt).toBe('2029-12-31T23:00:00.000Z');
    const later = await database.catalog.expireApiKey(record.id, '2031-01-01T00:00:00Z');
    expect(later.expiresAt).toBe('2031-01-01T00:00:00.000Z');
    expect(await database.catalog.expireApiKey(record.id)).not.toHaveProperty('expiresAt');
  });

  test.each([0, -1, 1.5, 999_999, Number.NaN])('there is none with the number %p', async (id) => {
    const missing = { code: 'api_key_not_found' };
    await expect(database.catalog.revokeApiKey(id)).rejects.toMatchObject(missing);
    await expect(database.catalog.expireApiKey(id)).rejects.toMatchObject(missing);
  });

  test('have the last use that was recorded, not more often than is asked for', async () => {
    const { key, record } = await made(database.catalog);
    const touch = async (at: string, before: string): Promise<string | undefined> => {
      await database.catalog.touchApiKey(record.id, at, before);
      return (await database.catalog.findApiKey(apiKeyDigest(key)))?.lastUsedAt;
    };
    expect(await touch('2026-01-01T00:00:00Z', '2025-12-31T23:59:00Z')).toBe('2026-01-01T00:00:00.000Z');
    expect(await touch('2026-01-01T00:00:30Z', '2025-12-31T23:59:30Z')).toBe('2026-01-01T00:00:00.000Z');
    expect(await touch('2026-01-01T00:01:01Z', '2026-01-01T00:00:01Z')).toBe('2026-01-01T00:01:01.000Z');
  });

  test('of one digest cannot be made twice', async () => {
    const { key, record } = await made(database.catalog);
    await expect(database.catalog.createApiKey({ ...record, digest: apiKeyDigest(key) })).rejects.toThrow();
  });
});
