/** Whose request it is, and what that one may do. */
import { TidemarkError } from '../../domain/errors.ts';
import { type Role, roles } from '../../domain/operations.ts';

/** What a caller was known by. */
export const credentialKinds = ['tokens_file', 'jwt', 'api_key'] as const;

export interface Caller {
  organization: string;
  role: Role;
  /**
   * Who it is, for people: the subject of a JWT, the name of an API key or of a line in the tokens file. Unique
   * only together with `organization` and `how`.
   */
  subject: string;
  how: (typeof credentialKinds)[number];
  /** When these credentials end, in RFC 3339; left out when they do not. */
  expiresAt?: string;
}

/** Who it is, also where the credentials are valid and give no role here: that one is refused, and known all the same. */
export type Known = Caller | (Omit<Caller, 'role'> & { role?: never; roleless: string });

/** The two headers that credentials come in, as they were sent. */
export interface CredentialHeaders {
  authorization: string | undefined;
  apiKey: string | undefined;
}

/**
 * From the headers of a request to whom they are of.
 *
 * @throws unauthorized, saying what is wrong with the credentials
 * @throws issuer_unavailable, catalog_unavailable when nobody can say now
 */
export type Authenticate = (headers: CredentialHeaders) => Promise<Known>;

/** Tells one caller from all others. */
export function subjectKey({ organization, how, subject }: Known): string {
  return JSON.stringify([organization, how, subject]);
}

/** @throws forbidden, saying why there is no role */
export function withRole(known: Known): Caller {
  if (known.role !== undefined) return known;
  throw new TidemarkError('forbidden', known.roleless);
}

/** @throws forbidden when the caller's role allows less than `least` does */
export function requireRole(caller: Caller, least: Role, action: string): void {
  if (roles.indexOf(caller.role) >= roles.indexOf(least)) return;
  throw new TidemarkError(
    'forbidden',
    `${action} needs the role ${least}; these credentials have the role ${caller.role}.`,
  );
}

export function unauthorized(message: string): TidemarkError {
  return new TidemarkError('unauthorized', message);
}
