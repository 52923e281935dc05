/** The one secret that a request brings, out of the two headers that it may come in. */
import { type CredentialHeaders, unauthorized } from './caller.ts';

/**
 * The token of `Authorization: Bearer` or `X-API-Key`; either takes any kind.
 *
 * @throws unauthorized when there is none, there are two, or a shell left its variable's name in the place
 */
export function tokenOf({ authorization, apiKey }: CredentialHeaders): string {
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const key = apiKey?.trim();
  if (bearer !== undefined && key !== undefined && key !== '' && bearer !== key) {
    throw unauthorized('Authorization and X-API-Key hold different tokens: send one of them.');
  }
  const token = bearer ?? key ?? '';
  if (token === '') {
    throw unauthorized(
      authorization === undefined
        ? 'No credentials came with the request: send "Authorization: Bearer <token>" or "X-API-Key: <token>".'
        : 'The Authorization header has to be "Bearer <token>".',
    );
  }
  if (/^\$\{?\w+\}?$/.test(token)) {
    throw unauthorized(
      `The token reads ${token.slice(0, 40)}: it was quoted too well, and the shell did not put the variable's value in. Use double quotes.`,
    );
  }
  return token;
}
