/** Keeps secrets out of everything that is printed about settings. */

const secretName = /password|passwd|secret|token|credential|api_?key|private_?key/i;
/** Names that hold a secret's place, not the secret: a path of a file. */
const placeName = /_file$/i;

/** Whether a setting of this name may hold a secret itself. */
function isSecret(name: string): boolean {
  return secretName.test(name) && !placeName.test(name);
}

/**
 * A setting's value as it may be printed: JSON, at most 200 characters, secrets as `***`, also those in an address.
 *
 * @example printable('catalog', 'postgres://tidemark:hunter2@db/x') // '"postgres://tidemark:***@db/x"'
 */
export function printable(name: string, value: unknown): string {
  if (isSecret(name)) return '***';
  const text =
    JSON.stringify(value, (key, inner: unknown) => (isSecret(key) ? '***' : maskText(inner))) ?? '';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function maskText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value
    .replace(/(\/\/[^/:@?]*:).*@/s, '$1***@')
    .replace(/([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*/gi, '$1***');
}
