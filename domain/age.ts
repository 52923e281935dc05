/**
 * age's public keys, as settings and manifests name them. Only its native ones, X25519: a recipient can then be told
 * from an identity without asking anybody, and everyone who has `age` can open the backup.
 */
import { decodeBech32 } from './bech32.ts';

const keyBytes = 32;

export const recipientRule = 'an age public key as age-keygen prints it: age1…';

/**
 * What is wrong with a recipient, as the end of "…, which"; undefined when it is one. Never repeats the text, which may
 * be a secret that was taken for a public key.
 */
export function recipientFault(text: string): string | undefined {
  if (/^age-secret-key-/i.test(text.trim())) {
    return 'is a secret key: its public one is printed by age-keygen -y. Take the secret one for known to others';
  }
  if (!/^age1/.test(text)) return 'does not begin with age1';
  const decoded = decodeBech32(text);
  if (!decoded) return 'has a wrong checksum: it was mistyped or cut short';
  if (decoded.word !== 'age' || decoded.bytes.length !== keyBytes) {
    return "is not one of age's own keys, but of a plugin or of another kind";
  }
  return undefined;
}

/** Texts without the secret keys that may have got into them. */
export function withoutSecretKeys(text: string): string {
  return text.replace(/(age-secret-key-)[a-z0-9-]+/gi, '$1***');
}
