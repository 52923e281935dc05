/** The settings of JWTs: who issues them, how they are signed, and which claim says what. */
import { z } from 'zod';
import { filePath } from './values.ts';

const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
const curves = ['ES256', 'ES384', 'ES512', 'EdDSA'] as const;
const secrets = ['HS256', 'HS384', 'HS512'] as const;

const addressRule = 'an https:// address, or an http:// one of this machine';

/** Over plain HTTP whoever is on the way could hand us keys of his own. */
function isSafeAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return (
    protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname))
  );
}

const name = z.string().min(1).max(200);

export const jwtSettings = z.strictObject({
  issuer: name.describe('What the claim `iss` of a token has to be'),
  audience: name.describe('What the claim `aud` of a token has to be, or to hold'),
  jwks_url: z
    .string()
    .refine(isSafeAddress, addressRule)
    .meta({ allowed: addressRule })
    .optional()
    .describe('Where the issuer publishes its keys; one of this, `secret_file` and `secret` is needed'),
  secret_file: filePath
    .optional()
    .describe('A file with the secret that tokens are signed with, in one line, of 32 bytes at least'),
  secret: z
    .string()
    .min(1)
    .optional()
    .describe('The secret itself, for where a file cannot be had; other programs may see the environment'),
  algorithm: z
    .enum([...rsa, ...curves, ...secrets])
    .optional()
    .describe('The one `alg` that tokens may have. Default: RS256 with `jwks_url`, HS256 with a secret'),
  subject_claim: name.default('sub').describe('The claim with the name of the caller'),
  organization_claim: name
    .default('organization')
    .describe('The claim with the organization; a dot leads into a group'),
  roles_claim: name
    .default('roles')
    .describe(
      'The claim with the roles, a list or a text with blanks between them; the highest counts; a dot leads into a group: realm_access.roles',
    ),
});

export type JwtSettings = z.infer<typeof jwtSettings>;
