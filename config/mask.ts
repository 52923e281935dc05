/** Keeps secrets out of everything that is printed about settings. */
import { withoutSecretKeys } from '../domain/age.ts';

const secretName = /password|passwd|secret|token|credential|api_?key|private_?key/i;
/** Names that hold a secret's place, not the secret: a path of a file. */
const placeName = /_file$/i;

/** Whether a setting of this name may hold a secret itself. */
function isSecret(name: string): boolean {
  return secretName.test(name) && !placeName.test(name);
}

/** A setting's value with secrets as `***`, also those in an address or inside a group. */
export function masked(name: string, value: unknown): unknown {
  if (isSecret(name)) return '***';
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map((inner) => masked(name, inner));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(key, inner)]));
}

/**
 * A setting's value for a message: JSON, at most 200 characters, without secrets.
 *
 * @example printable('catalog', 'postgres://tidemark:hunter2@db/x') // '"postgres://tidemark:***@db/x"'
 */
export function printable(name: string, value: unknown): string {
  const text = JSON.stringify(masked(name, value));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** A text with secrets in addresses, in queries and of age as `***`. */
export function maskText(value: string): string {
  return (
    withoutSecretKeys(value)
      // No bucket has a colon in its name: somebody has put keys there.
      .replace(/^((?:s3|gs):\/\/[^/:@]*:)[^/@]*(?=\/|$)/, '$1***')
      .replace(/(\/\/[^/:@?]*:).*@/s, '$1***@')
      .replace(/([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*/gi, '$1***')
  );
}
