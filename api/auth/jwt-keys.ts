/** The keys that JWTs are checked with, as the settings name them: a secret, or the issuer's published ones. */
import type { JWTVerifyGetKey } from 'jose';
import type { JwtSettings } from '../../config/jwt.ts';
import { readSecret } from '../../config/secret.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { ApiLog } from '../context.ts';
import { publishedKeys } from './published-keys.ts';

export interface JwtKeys {
  /** The one `alg` that a token may have. */
  algorithm: string;
  keyFor: JWTVerifyGetKey;
}

/** As RFC 7518 asks: a secret no shorter than the digest that it makes. */
const leastSecretBytes: Record<string, number> = { HS256: 32, HS384: 48, HS512: 64 };

/** @throws invalid_setting when the settings do not name exactly one source, or one that the algorithm cannot use */
export async function openJwtKeys(settings: JwtSettings, log: Pick<ApiLog, 'warn'>): Promise<JwtKeys> {
  const { jwks_url: url, secret_file: file, secret, algorithm } = settings;
  const sources = [url, file, secret].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    throw wrong(`jwt needs exactly one of jwks_url, secret_file and secret; ${sources.length} are set`);
  }
  if (url !== undefined) {
    const used = algorithm ?? 'RS256';
    if (used in leastSecretBytes) throw wrong(`jwt.algorithm ${used} needs a secret, not jwks_url`);
    return { algorithm: used, keyFor: publishedKeys(url, log) };
  }
  const used = algorithm ?? 'HS256';
  const least = leastSecretBytes[used];
  if (least === undefined) throw wrong(`jwt.algorithm ${used} needs jwks_url, not a secret`);
  const key = new TextEncoder().encode(secret ?? (await readSecret(file)));
  if (key.byteLength < least) {
    throw wrong(
      `The secret for jwt.algorithm ${used} has ${key.byteLength} bytes and needs ${least} at least`,
    );
  }
  return { algorithm: used, keyFor: async () => key };
}

function wrong(what: string): TidemarkError {
  return new TidemarkError('invalid_setting', `${what}.`);
}
