/** From the claims of a JWT to whom it is of. Which claim is what, the settings say. */
import type { JWTPayload } from 'jose';
import type { JwtSettings } from '../../config/jwt.ts';
import { highestRole, roleNames } from '../../domain/roles.ts';
import { type Known, unauthorized } from './caller.ts';

const longestName = 100;
/** Of the year 9999: RFC 3339 knows no later one. */
const lastSecond = 253_402_300_799;

/**
 * @param payload of a token whose signature, issuer, audience and times are right
 * @throws unauthorized when subject or organization is missing or is no name
 */
export function knownBy(payload: JWTPayload, settings: JwtSettings): Known {
  const subject = nameIn(payload, settings.subject_claim);
  const organization = nameIn(payload, settings.organization_claim);
  const role = highestRole(namesIn(payload, settings.roles_claim));
  const { exp } = payload;
  const known = {
    organization,
    subject,
    how: 'jwt' as const,
    ...(exp === undefined || exp > lastSecond ? {} : { expiresAt: new Date(exp * 1000).toISOString() }),
  };
  if (role !== undefined) return { ...known, role };
  const roleless = `The token's claim "${settings.roles_claim}" names no role of Tidemark's: there are ${roleNames}.`;
  return { ...known, roleless };
}

function nameIn(payload: JWTPayload, claim: string): string {
  const value = claimIn(payload, claim);
  // A control character could forge a line of a log.
  if (typeof value === 'string' && /^\P{Cc}+$/u.test(value) && value.length <= longestName) return value;
  throw unauthorized(
    value === undefined
      ? `The token has no claim "${claim}", which it needs here.`
      : `The token's claim "${claim}" has to be a text of 1 to ${longestName} characters.`,
  );
}

/** A list, or one text with blanks between the names, as OAuth writes scopes. */
function namesIn(payload: JWTPayload, claim: string): string[] {
  const value = claimIn(payload, claim);
  if (typeof value === 'string') return value.split(/\s+/);
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}

/** A claim of exactly this name (an address, with some issuers), else a path: `realm_access.roles`. */
function claimIn(payload: JWTPayload, claim: string): unknown {
  if (Object.hasOwn(payload, claim)) return payload[claim];
  return claim
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string, unknown>)[key]
          : undefined,
      payload,
    );
}
