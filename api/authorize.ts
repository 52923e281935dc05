/** From the headers of a request to its caller, and from the caller's role to what it may do. */
import type { Context } from 'hono';
import { TidemarkError } from '../domain/errors.ts';
import { type Role, roles } from '../domain/operations.ts';
import type { Caller, Tokens } from './tokens.ts';

/**
 * The caller whose token came as `Authorization: Bearer` or `X-API-Key`.
 *
 * @throws unauthorized
 */
export function authenticate(c: Context, tokens: Tokens): Caller {
  const token = tokenOf(c.req.header('authorization'), c.req.header('x-api-key'));
  if (/^\$\{?\w+\}?$/.test(token)) {
    throw unauthorized(
      `The token reads ${token.slice(0, 40)}: it was quoted too well, and the shell did not put the variable's value in. Use double quotes.`,
    );
  }
  const caller = tokens.find(token);
  if (!caller) throw unauthorized('The token is not known here.');
  return caller;
}

/** @throws forbidden when the caller's role allows less than `least` does */
export function requireRole(caller: Caller, least: Role, action: string): void {
  if (roles.indexOf(caller.role) >= roles.indexOf(least)) return;
  throw new TidemarkError(
    'forbidden',
    `${action} needs the role ${least}; these credentials have the role ${caller.role}.`,
  );
}

function tokenOf(authorization: string | undefined, apiKey: string | undefined): string {
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const key = apiKey?.trim();
  if (bearer !== undefined && key !== undefined && key !== '' && bearer !== key) {
    throw unauthorized('Authorization and X-API-Key hold different tokens: send one of them.');
  }
  const token = bearer ?? key ?? '';
  if (token !== '') return token;
  throw unauthorized(
    authorization === undefined
      ? 'No credentials came with the request: send "Authorization: Bearer <token>" or "X-API-Key: <token>".'
      : 'The Authorization header has to be "Bearer <token>".',
  );
}

function unauthorized(message: string): TidemarkError {
  return new TidemarkError('unauthorized', message);
}
