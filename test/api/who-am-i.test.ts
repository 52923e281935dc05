import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiKeysIn } from '../../api/auth/api-keys.ts';
import { authenticator } from '../../api/auth/authenticate.ts';
import { jwtsBy } from '../../api/auth/jwt.ts';
import { openJwtKeys } from '../../api/auth/jwt-keys.ts';
import { parseTokens } from '../../api/auth/tokens-file.ts';
import { jwtSettings } from '../../config/jwt.ts';
import { apiKeyDigest, apiKeyShown, makeApiKey } from '../../domain/api-keys.ts';
import { claimsWith, signedBySecret, TestIssuer } from './auth/issuer.ts';
import { jwtSettingsOfTests } from './authorization/organizations.ts';
import { type Harness, openApi } from './harness.ts';

let api: Harness;
/** Takes the tokens of an issuer that does not answer. */
let orphan: Harness;
const issuer = new TestIssuer();

beforeAll(async () => {
  const settings = jwtSettings.parse(jwtSettingsOfTests);
  const keys = await openJwtKeys(settings, console);
  const tokens = parseTokens('sesame acme member the night shift', 'tokens');
  api = await openApi('away', {
    authenticateBy: (catalog) =>
      authenticator({ tokens, jwt: jwtsBy(settings, keys), apiKeys: apiKeysIn(catalog, console) }),
  });
  await issuer.listen();
  await issuer.addKey('one');
  issuer.away = true;
  const published = jwtSettings.parse({ ...jwtSettingsOfTests, secret: undefined, jwks_url: issuer.url });
  const fetched = await openJwtKeys(published, { warn: () => undefined });
  orphan = await openApi('away', {
    authenticateBy: (catalog) =>
      authenticator({ tokens, jwt: jwtsBy(published, fetched), apiKeys: apiKeysIn(catalog, console) }),
  });
});
afterAll(async () => {
  await orphan.close();
  await api.close();
  await issuer.close();
});

const both = (token: string): [string, Record<string, string>][] => [
  ['Authorization', { Authorization: `Bearer ${token}` }],
  ['X-API-Key', { 'X-API-Key': token }],
];

test.each(both('sesame'))('a token of the file is told, from %s', async (_name, headers) => {
  const { status, body } = await api.ask('GET', '/whoami', { token: '', headers });
  expect([status, body]).toEqual([
    200,
    { subject: 'the night shift', organization: 'acme', role: 'operator', how: 'tokens_file' },
  ]);
});

test('a JWT is told with its end, from either header', async () => {
  const exp = Math.floor(Date.now() / 1000) + 600;
  for (const [, headers] of both(await signedBySecret(claimsWith({ exp, roles: 'viewer administrator' })))) {
    const { body } = await api.ask('GET', '/whoami', { token: '', headers });
    expect(body).toEqual({
      subject: 'alice',
      organization: 'acme',
      role: 'administrator',
      how: 'jwt',
      expires_at: new Date(exp * 1000).toISOString().replace('.000Z', 'Z'),
    });
  }
});

test('an API key is told with its end, and the log has its name and not the key', async () => {
  const key = makeApiKey();
  await api.catalog.createApiKey({
    organization: 'acme',
    role: 'viewer',
    name: 'grafana',
    shown: apiKeyShown(key),
    digest: apiKeyDigest(key),
    expiresAt: '2999-01-01T00:00:00.999Z',
  });
  const { body } = await api.ask('GET', '/whoami', { token: '', headers: { 'X-API-Key': key } });
  expect(body).toEqual({
    subject: 'grafana',
    organization: 'acme',
    role: 'viewer',
    how: 'api_key',
    expires_at: '2999-01-01T00:00:00Z',
  });
  expect(api.log.at(-1)?.fields).toMatchObject({ caller: 'grafana', organization: 'acme' });
  expect(JSON.stringify(api.log)).not.toContain(key.slice(4));
});

test('a JWT without a role of ours is forbidden even this, and an expired one is 401 and says since when', async () => {
  const ask = async (claims: object) =>
    api.ask('GET', '/whoami', { token: await signedBySecret(claimsWith({ ...claims })) });
  const roleless = await ask({ roles: ['admin'] });
  expect([roleless.status, roleless.errors]).toEqual([403, ['forbidden']]);
  const expired = await ask({ exp: Math.floor(Date.now() / 1000) - 3_700 });
  expect([expired.status, expired.messages]).toEqual([
    401,
    'The token has expired 1 hour ago: get a new one.',
  ]);
  expect(expired.headers.get('www-authenticate')).toContain('Bearer');
});

test('while the issuer was never reached its tokens are 503, those of others are taken', async () => {
  const answer = await orphan.ask('GET', '/whoami', { token: await issuer.token('one') });
  expect([answer.status, answer.errors]).toEqual([503, ['issuer_unavailable']]);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await orphan.ask('GET', '/whoami', { token: 'sesame' })).status).toBe(200);
});
