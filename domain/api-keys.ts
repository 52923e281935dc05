/**
 * API keys: `tmk_` and 256 random bits in hexadecimal, a form that scanners for leaked secrets can look for. The
 * catalog has the digest alone. Salt or a slow digest would add nothing: there is no guessing 256 bits.
 */
import { createHash, randomBytes } from 'node:crypto';

const form = /^tmk_[0-9a-f]{64}$/;

/** How many characters of a key are kept in the clear, so that a person finds the row of a key. */
const shownLength = 'tmk_'.length + 8;

export function makeApiKey(): string {
  return `tmk_${randomBytes(32).toString('hex')}`;
}

export function isApiKey(text: string): boolean {
  return form.test(text);
}

/** SHA-256 in hexadecimal. */
export function apiKeyDigest(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** `tmk_3f9a02c1`: how lists and messages call a key. The rest of it is 224 bits. */
export function apiKeyShown(key: string): string {
  return key.slice(0, shownLength);
}
