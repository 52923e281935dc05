import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { base64url, SignJWT, UnsecuredJWT } from 'jose';
import { authenticator } from '../../../api/auth/authenticate.ts';
import { type Caller, withRole } from '../../../api/auth/caller.ts';
import { jwtsBy } from '../../../api/auth/jwt.ts';
import { openJwtKeys } from '../../../api/auth/jwt-keys.ts';
import { type JwtSettings, jwtSettings } from '../../../config/jwt.ts';
import { audience, claimsWith, issuerName, TestIssuer } from './issuer.ts';

const issuer = new TestIssuer();
const settings = (changes: object = {}): JwtSettings =>
  jwtSettings.parse({ issuer: issuerName, audience, jwks_url: issuer.url, ...changes });

const warnings: string[] = [];
const log = { warn: (_fields: object, message: string) => void warnings.push(message) };

/** Who a token is taken for. */
async function callerOf(token: string, changes: object = {}): Promise<Caller> {
  const wanted = settings(changes);
  return withRole(await jwtsBy(wanted, await openJwtKeys(wanted, log))(token));
}

beforeAll(async () => {
  await issuer.listen();
  await issuer.addKey('one');
});
afterAll(async () => {
  await issuer.close();
});

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

describe('a token that is taken', () => {
  test('gives subject, organization, role and its end', async () => {
    const exp = inSeconds(600);
    expect(await callerOf(await issuer.token('one', { exp }))).toEqual({
      subject: 'alice',
      organization: 'acme',
      role: 'viewer',
      how: 'jwt',
      expiresAt: new Date(exp * 1000).toISOString(),
    });
  });

  test.each([
    [['viewer'], 'viewer'],
    [['VIEWER', 'Administrator', 'operator'], 'administrator'],
    [['member', 'uma_authorization', 7, null], 'operator'],
    ['administrator', 'administrator'],
    ['openid profile  Member viewer', 'operator'],
  ])('with the roles %j is a %s', async (roles, role) => {
    expect((await callerOf(await issuer.token('one', { roles }))).role).toBe(role);
  });

  test.each([
    [{ sub: undefined, name: 'bob', tenant: 'umbrella', realm: { roles: ['operator'] } }, 'realm.roles'],
    [{ sub: undefined, name: 'bob', tenant: 'umbrella', 'https://a.b/r': 'operator' }, 'https://a.b/r'],
  ])('has its claims where the settings say: %j', async (claims, rolesClaim) => {
    const caller = await callerOf(await issuer.token('one', { roles: undefined, ...claims }), {
      subject_claim: 'name',
      organization_claim: 'tenant',
      roles_claim: rolesClaim,
    });
    expect(caller).toMatchObject({ subject: 'bob', organization: 'umbrella', role: 'operator' });
  });

  test('may name several audiences, and end or begin within the leeway', async () => {
    const claims = { aud: ['other', audience], exp: inSeconds(-25), nbf: inSeconds(25) };
    expect((await callerOf(await issuer.token('one', claims))).subject).toBe('alice');
  });

  test('may end later than any date', async () => {
    expect(await callerOf(await issuer.token('one', { exp: 1e15 }))).not.toHaveProperty('expiresAt');
  });

  test.each(['ES256', 'PS512', 'EdDSA'])('may be signed with %s where the settings say so', async (alg) => {
    await issuer.addKey(alg, alg);
    expect((await callerOf(await issuer.token(alg), { algorithm: alg })).subject).toBe('alice');
    issuer.removeKey(alg);
  });

  test('may name no key, when one of those that are published fits', async () => {
    await issuer.addKey('two');
    for (const key of ['one', 'two']) {
      const token = await issuer.token(key, { sub: key }, { kid: undefined });
      expect((await callerOf(token)).subject).toBe(key);
    }
    const forged = await issuer.token('two', {}, { kid: undefined });
    issuer.removeKey('two');
    await issuer.addKey('three');
    await expect(callerOf(forged)).rejects.toMatchObject({ message: expect.stringContaining('signature') });
    issuer.removeKey('three');
  });
});

describe('a token that is refused', () => {
  const refusal = (code: string, text: string): object => ({
    code,
    message: expect.stringContaining(text) as unknown,
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['has expired', { exp: inSeconds(-250) }, 'has expired 4 minutes ago: get a new one'],
    ['expired beyond the leeway', { exp: inSeconds(-31) }, 'seconds ago: get a new one'],
    ['begins later', { nbf: inSeconds(7_300) }, 'begins to be valid in 2 hours'],
    ['has another issuer', { iss: 'evil' }, `issuer is "evil", expected "${issuerName}"`],
    ['has no issuer', { iss: undefined }, 'no claim "iss"'],
    ['is for somebody else', { aud: ['a', 'b'] }, `audience is ["a","b"], expected "${audience}"`],
    ['has no audience', { aud: undefined }, 'no claim "aud"'],
    ['never ends', { exp: undefined }, 'no claim "exp"'],
    ['ends at no time', { exp: 'tomorrow' }, '"exp" is not what it has to be'],
    ['has no subject', { sub: undefined }, 'no claim "sub"'],
    ['has an empty subject', { sub: '' }, '"sub" has to be a text'],
    ['has no organization', { organization: undefined }, 'no claim "organization"'],
    ['has two organizations', { organization: ['acme', 'other'] }, '"organization" has to be a text'],
    ['has a line end in its organization', { organization: 'acme\nother' }, 'has to be a text'],
    ['has a NUL in its organization', { organization: 'acme\0' }, 'has to be a text'],
    ['has too long an organization', { organization: 'a'.repeat(101) }, 'of 1 to 100 characters'],
  ])('%s, and says so', async (_what, claims, text) => {
    await expect(callerOf(await issuer.token('one', claims))).rejects.toMatchObject(
      refusal('unauthorized', text),
    );
  });

  test.each([[[]], ['openid profile'], [undefined], [{ viewer: true }], [7]])(
    'is forbidden with the roles %j',
    async (roles) => {
      await expect(callerOf(await issuer.token('one', { roles }))).rejects.toMatchObject(
        refusal('forbidden', '"roles" names no role of Tidemark'),
      );
    },
  );

  test('has no signature', async () => {
    const token = new UnsecuredJWT(claimsWith()).encode();
    expect(token.endsWith('.')).toBe(true);
    await expect(callerOf(token)).rejects.toMatchObject(
      refusal('unauthorized', 'signed with "none"; tokens for this deployment are signed with RS256'),
    );
  });

  test('is signed with the published key as if that were a secret', async () => {
    const published = await (await fetch(issuer.url)).text();
    const token = await new SignJWT(claimsWith())
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(new TextEncoder().encode(published));
    await expect(callerOf(token)).rejects.toMatchObject(refusal('unauthorized', 'signed with "HS256"'));
  });

  test('is signed with another algorithm, also one of a published key', async () => {
    await issuer.addKey('curve', 'ES256');
    await expect(callerOf(await issuer.token('curve'))).rejects.toMatchObject(
      refusal('unauthorized', 'signed with "ES256"'),
    );
    issuer.removeKey('curve');
  });

  test('was changed, or signed by somebody else with a key of the same name', async () => {
    const [head = '', , signature = ''] = (await issuer.token('one')).split('.');
    const claims = base64url.encode(JSON.stringify(claimsWith({ roles: 'administrator' })));
    const impostor = new TestIssuer();
    await impostor.addKey('one');
    for (const token of [`${head}.${claims}.${signature}`, await impostor.token('one')]) {
      await expect(callerOf(token)).rejects.toMatchObject(refusal('unauthorized', 'signature does not fit'));
    }
  });

  test('names a key that is not published; what it says is cut and kept to one line', async () => {
    const stranger = new TestIssuer();
    const kid = `\u001b[2J\n${'k'.repeat(500)}`;
    await stranger.addKey(kid);
    const refused = (await callerOf(await stranger.token(kid)).catch((error: unknown) => error)) as Error;
    expect(refused).toMatchObject(refusal('unauthorized', 'which its issuer does not publish'));
    expect(refused.message).toMatch(/^[ -~…]{1,260}$/);
  });

  test.each(['a.b.c', 'a.b.', 'e30.e30.e30', `${base64url.encode('{"alg":"RS256","crit":["x"]}')}.e30.e30`])(
    '%s is no JWT',
    async (token) => {
      await expect(callerOf(token)).rejects.toMatchObject({ code: 'unauthorized' });
    },
  );

  test('is said to be one where no JWTs are taken', async () => {
    const authenticate = authenticator({ apiKeys: async () => Promise.reject(new Error('not asked')) });
    await expect(
      authenticate({ authorization: `Bearer ${await issuer.token('one')}`, apiKey: undefined }),
    ).rejects.toMatchObject(refusal('unauthorized', 'takes no JWTs'));
  });
});

describe('a shared secret', () => {
  const secret = 'a secret of thirty-two bytes or more';
  const signed = async (key: string, alg = 'HS256'): Promise<string> =>
    await new SignJWT(claimsWith()).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));
  const shared = { jwks_url: undefined, secret };

  test('takes what was signed with it, and nothing else', async () => {
    expect((await callerOf(await signed(secret), shared)).subject).toBe('alice');
    const rejected = { code: 'unauthorized' };
    await expect(callerOf(await signed(`${secret}!`), shared)).rejects.toMatchObject(rejected);
    await expect(callerOf(await signed(secret, 'HS512'), shared)).rejects.toMatchObject(rejected);
    await expect(callerOf(await issuer.token('one'), shared)).rejects.toMatchObject(rejected);
  });

  test.each([
    [{}, /exactly one of jwks_url, secret_file and secret; 0 are set/],
    [{ secret, jwks_url: 'https://issuer.example/keys' }, /2 are set/],
    [{ secret: 'short' }, /HS256 has 5 bytes and needs 32 at least/],
    [{ secret, algorithm: 'HS512' }, /HS512 has 36 bytes and needs 64 at least/],
    [{ secret, algorithm: 'RS256' }, /RS256 needs jwks_url, not a secret/],
    [{ jwks_url: 'https://issuer.example/keys', algorithm: 'HS256' }, /HS256 needs a secret/],
    [{ secret_file: '/nowhere/secret' }, /\/nowhere\/secret cannot be read/],
  ])('%j does not fit together', async (changes, message) => {
    const wanted = jwtSettings.parse({ issuer: 'i', audience: 'a', ...changes });
    const refused = (await openJwtKeys(wanted, log).catch((error: unknown) => error)) as Error;
    expect(refused).toMatchObject({ code: 'invalid_setting' });
    expect(refused.message).toMatch(message);
    expect(refused.message).not.toContain(secret);
  });
});
