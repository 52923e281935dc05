/** API keys over several api processes: each has its own connection to the one catalog. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiKeysIn } from '../../../api/auth/api-keys.ts';
import { authenticator } from '../../../api/auth/authenticate.ts';
import type { Authenticate, Known } from '../../../api/auth/caller.ts';
import { openCatalog } from '../../../catalog/open.ts';
import type { ApiKeyRecord } from '../../../catalog/api-key-types.ts';
import type { Catalog } from '../../../catalog/types.ts';
import { apiKeyDigest, apiKeyShown, makeApiKey } from '../../../domain/api-keys.ts';
import { until } from '../../support/until.ts';

let folder: string;
const catalogs: Catalog[] = [];
let apis: Authenticate[];
const warnings: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  for (let count = 0; count < 3; count += 1) {
    catalogs.push(await openCatalog(`sqlite://${folder}/catalog.db`));
  }
  await host().migrate();
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
  apis = catalogs.slice(1).map((catalog) => authenticator({ apiKeys: apiKeysIn(catalog, log) }));
});
afterAll(async () => {
  for (const catalog of catalogs) await catalog.close();
  await rm(folder, { recursive: true, force: true });
  expect(warnings).toEqual([]);
});

/** The catalog as the deployment's host has it open. */
function host(): Catalog {
  const [first] = catalogs;
  if (!first) throw new Error('the suite has not begun');
  return first;
}

async function newKey(expiresAt?: string): Promise<{ key: string; record: ApiKeyRecord }> {
  const key = makeApiKey();
  const record = await host().createApiKey({
    organization: 'acme',
    role: 'operator',
    name: 'nightly job',
    shown: apiKeyShown(key),
    digest: apiKeyDigest(key),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
  return { key, record };
}

/** Every api's answer: the caller, or the message of a refusal. */
async function answers(key: string): Promise<(Known | string)[]> {
  return await Promise.all(
    apis.map(async (ask) =>
      ask({ authorization: undefined, apiKey: key }).catch((error: Error & { code: string }) => {
        expect(error.code).toBe('unauthorized');
        expect(error.message).not.toContain(key.slice(12, 30));
        return error.message;
      }),
    ),
  );
}

const inMs = (milliseconds: number): string => new Date(Date.now() + milliseconds).toISOString();

describe('an API key', () => {
  test('is taken in either header from the moment it is made', async () => {
    const expiresAt = inMs(60_000);
    const { key } = await newKey(expiresAt);
    const caller = {
      organization: 'acme',
      role: 'operator',
      subject: 'nightly job',
      how: 'api_key',
      expiresAt,
    };
    expect(await answers(key)).toEqual([caller, caller]);
    expect(await apis[0]?.({ authorization: `Bearer ${key}`, apiKey: undefined })).toEqual(caller);
    const { key: endless } = await newKey();
    expect((await answers(endless))[0]).not.toHaveProperty('expiresAt');
  });

  test('is refused by every api from the moment it is revoked', async () => {
    const { key, record } = await newKey();
    expect(await answers(key)).not.toContainEqual(expect.any(String));
    await host().revokeApiKey(record.id);
    for (const answer of await answers(key)) {
      expect(answer).toBe(
        `The API key ${key.slice(0, 12)}… was revoked 0 seconds ago: ask an administrator for a new one.`,
      );
    }
  });

  test('is refused from its end on, and taken again when the end is moved', async () => {
    const { key, record } = await newKey(inMs(60_000));
    expect(await answers(key)).not.toContainEqual(expect.any(String));
    await host().expireApiKey(record.id, inMs(300));
    await until(async () => (await answers(key)).every((answer) => typeof answer === 'string'));
    expect((await answers(key))[0]).toContain('has expired');
    await host().expireApiKey(record.id, inMs(60_000));
    expect(await answers(key)).not.toContainEqual(expect.any(String));
    await host().expireApiKey(record.id, inMs(-7_200_000));
    expect((await answers(key))[0]).toContain('has expired 2 hours ago');
  });

  test('that is unknown or cut is refused, and so is a digest', async () => {
    const { key } = await newKey();
    expect(await answers(makeApiKey())).toEqual(Array(2).fill('The API key is not known here.'));
    expect((await answers(key.slice(0, -1)))[0]).toContain('is not whole');
    expect((await answers(apiKeyDigest(key)))[0]).toBe('The token is not known here.');
  });

  test('has its use recorded once for many requests in a minute', async () => {
    const { key, record } = await newKey();
    const lastUse = async (): Promise<string | undefined> =>
      (await host().findApiKey(apiKeyDigest(key)))?.lastUsedAt;
    await answers(key);
    await until(async () => (await lastUse()) !== undefined);
    const first = await lastUse();
    for (let count = 0; count < 10; count += 1) await answers(key);
    expect(await lastUse()).toBe(first);
    const old = inMs(-120_000);
    await host().touchApiKey(record.id, old, inMs(1_000));
    expect(await lastUse()).toBe(old);
    await answers(key);
    await until(async () => (await lastUse()) !== old);
  });

  test('is still taken when its use cannot be recorded', async () => {
    const { key } = await newKey();
    const lines: string[] = [];
    const broken: Pick<Catalog, 'findApiKey' | 'touchApiKey'> = {
      findApiKey: async (digest) => host().findApiKey(digest),
      touchApiKey: async () => Promise.reject(new Error('disk full')),
    };
    const ask = apiKeysIn(broken, { warn: (_fields, message) => void lines.push(message) });
    expect((await ask(key)).subject).toBe('nightly job');
    await until(async () => lines.length > 0);
    expect(lines).toEqual(["an API key's last use could not be recorded"]);
  });
});
