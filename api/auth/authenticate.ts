/** Asks the three who may know a token, in turn: the tokens file, the issuer of JWTs, the catalog of API keys. */
import { isApiKey } from '../../domain/api-keys.ts';
import { type Authenticate, type Known, unauthorized } from './caller.ts';
import { tokenOf } from './credentials.ts';
import { looksLikeJwt } from './jwt.ts';
import type { Tokens } from './tokens-file.ts';

/** @throws as {@link Authenticate} */
type Verify = (token: string) => Promise<Known>;

/**
 * @param sources.tokens left out: no tokens file
 * @param sources.jwt left out: JWTs are not taken
 * @example createApp({ …, authenticate: authenticator({ tokens, apiKeys: apiKeysIn(catalog, log) }) })
 */
export function authenticator(sources: {
  tokens?: Tokens | undefined;
  jwt?: Verify | undefined;
  apiKeys: Verify;
}): Authenticate {
  const { tokens, jwt, apiKeys } = sources;
  return async (headers) => {
    const token = tokenOf(headers);
    const listed = tokens?.find(token);
    if (listed) return listed;
    if (looksLikeJwt(token)) {
      if (jwt) return await jwt(token);
      throw unauthorized('This deployment takes no JWTs. Use an API key or a token of its tokens file.');
    }
    if (isApiKey(token)) return await apiKeys(token);
    throw unauthorized(
      token.startsWith('tmk_')
        ? 'The API key is not whole: it is "tmk_" and 64 hexadecimal digits.'
        : 'The token is not known here.',
    );
  };
}
