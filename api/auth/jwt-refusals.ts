/**
 * Says why a JWT was refused. Claims are repeated only of a token whose signature is right, and the signature
 * never.
 */
import { decodeProtectedHeader, errors, type JWTPayload } from 'jose';
import { age } from '../../domain/ages.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { unauthorized } from './caller.ts';

interface Expected {
  issuer: string;
  audience: string;
  algorithm: string;
}

/** What the api answers to a token that jose refused with `error`; an error that is not jose's as it is. */
export function refusalOf(error: unknown, token: string, expected: Expected): unknown {
  if (error instanceof TidemarkError || !(error instanceof errors.JOSEError)) return error;
  return unauthorized(sentence(error, token, expected));
}

function sentence(error: errors.JOSEError, token: string, expected: Expected): string {
  if (error instanceof errors.JWTExpired) return expired(error.payload);
  if (error instanceof errors.JWTClaimValidationFailed) return wrongClaim(error, expected);
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return `The token says that it is signed with ${headerOf(token, 'alg')}; tokens for this deployment are signed with ${expected.algorithm}.`;
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return `The token is signed with the key ${headerOf(token, 'kid')}, which its issuer does not publish.`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return "The token's signature does not fit: it was changed on the way, or another issuer made it.";
  }
  return 'The token has the form of a JWT, but cannot be read as one: see that it was copied whole.';
}

function expired({ exp }: JWTPayload): string {
  return `The token has expired ${age(Date.now() - Number(exp) * 1000)} ago: get a new one.`;
}

function wrongClaim({ claim, reason, payload }: errors.JWTClaimValidationFailed, expected: Expected): string {
  if (reason === 'missing') return `The token has no claim "${claim}", which it needs here.`;
  if (claim === 'iss')
    return `The token's issuer is ${shown(payload.iss)}, expected ${shown(expected.issuer)}.`;
  if (claim === 'aud') {
    return `The token's audience is ${shown(payload.aud)}, expected ${shown(expected.audience)}.`;
  }
  if (claim === 'nbf' && typeof payload.nbf === 'number') {
    return `The token begins to be valid in ${age(payload.nbf * 1000 - Date.now())}: wait, or set the clocks right.`;
  }
  return `The token's claim "${claim}" is not what it has to be.`;
}

/** Of the part of the token that anybody can write; hence short, and printable. */
function headerOf(token: string, name: 'alg' | 'kid'): string {
  try {
    return shown(decodeProtectedHeader(token)[name]);
  } catch (error) {
    return `unknown (${messageOf(error)})`;
  }
}

/** As JSON, which has no control characters, and cut. */
function shown(value: unknown): string {
  const text = value === undefined ? 'not named' : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
