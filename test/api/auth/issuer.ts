/** An issuer of JWTs for tests: keys that it publishes over HTTP, and tokens signed with any of them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

export const issuerName = 'https://issuer.example';
export const audience = 'tidemark';

export class TestIssuer {
  readonly #keys = new Map<string, { sign: CryptoKey; jwk: JWK; algorithm: string }>();
  readonly #server = createServer((_request, response) => {
    this.fetches += 1;
    if (this.redirect !== undefined) response.writeHead(302, { Location: this.redirect }).end();
    else if (this.away) response.writeHead(503).end('closed');
    else response.writeHead(200, { 'Content-Type': 'application/json' }).end(this.#document());
  });
  /** How often the keys were asked for. */
  fetches = 0;
  /** Whether it answers with an error. */
  away = false;
  /** Where it sends whoever asks. */
  redirect: string | undefined;
  /** What is published in place of the keys. */
  instead: string | undefined;

  #document(): string {
    return this.instead ?? JSON.stringify({ keys: [...this.#keys.values()].map(({ jwk }) => jwk) });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/keys`;
  }

  async addKey(id: string, algorithm = 'RS256'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: id, alg: algorithm, use: 'sig' };
    this.#keys.set(id, { sign: privateKey, jwk, algorithm });
  }

  removeKey(id: string): void {
    this.#keys.delete(id);
  }

  /** @param claims over those of a good token; one that is undefined is left out */
  async token(keyId: string, claims: Record<string, unknown> = {}, header: object = {}): Promise<string> {
    const key = this.#keys.get(keyId);
    if (!key) throw new Error(`there is no key ${keyId}`);
    return await new SignJWT(claimsWith(claims))
      .setProtectedHeader({ alg: key.algorithm, kid: keyId, ...header })
      .sign(key.sign);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The claims of a token that is taken, changed as told. */
export function claimsWith(changes: Record<string, unknown> = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuerName,
    aud: audience,
    sub: 'alice',
    organization: 'acme',
    roles: ['viewer'],
    exp: now + 600,
    ...changes,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

export const sharedSecret = 'a secret of thirty-two bytes or more';

/** A token signed with {@link sharedSecret}. */
export async function signedBySecret(claims: JWTPayload): Promise<string> {
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(sharedSecret));
}
