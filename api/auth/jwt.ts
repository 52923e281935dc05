/** Those who come with a JWT: its signature, issuer, audience and times are checked, then its claims are read. */
import { errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { JwtSettings } from '../../config/jwt.ts';
import type { Known } from './caller.ts';
import { knownBy } from './claims.ts';
import { refusalOf } from './jwt-refusals.ts';
import type { JwtKeys } from './jwt-keys.ts';

/** How far the clocks of issuer and api may be apart. Seconds. */
const leewaySeconds = 30;

/** Three parts in base64url. The last is empty in a token without a signature, which is refused with a better word. */
export function looksLikeJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/**
 * @returns what tells whom a JWT is of
 * @throws unauthorized, issuer_unavailable
 */
export function jwtsBy(settings: JwtSettings, keys: JwtKeys): (token: string) => Promise<Known> {
  const { issuer, audience } = settings;
  const options = {
    issuer,
    audience,
    // The setting alone says how a token is signed. What the token says of itself is compared, never followed.
    algorithms: [keys.algorithm],
    clockTolerance: leewaySeconds,
    requiredClaims: ['exp'],
  };
  const { keyFor } = keys;

  async function verified(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, keyFor, options);
      return payload;
    } catch (error) {
      // Several keys fit a token that names none: one of them may be the right one.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      return await firstThatFits(token, error);
    }
  }

  async function firstThatFits(
    token: string,
    candidates: AsyncIterable<Awaited<ReturnType<JWTVerifyGetKey>>>,
  ): Promise<JWTPayload> {
    for await (const key of candidates) {
      try {
        const { payload } = await jwtVerify(token, async () => key, options);
        return payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }

  return async (token) => {
    let payload: JWTPayload;
    try {
      payload = await verified(token);
    } catch (error) {
      throw refusalOf(error, token, { issuer, audience, algorithm: keys.algorithm });
    }
    return knownBy(payload, settings);
  };
}
