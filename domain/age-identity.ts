/** age's secret keys: what opens an encrypted backup. Nothing here ever puts one into an error. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { decodeBech32, encodeBech32 } from './bech32.ts';

export interface AgeIdentity {
  /** X25519, as age writes it: `AGE-SECRET-KEY-1…`. A secret. */
  identity: string;
  /** Its public half: `age1…`. */
  recipient: string;
}

const word = 'age-secret-key-';
const keyBytes = 32;
/** What stands before the 32 bytes of an X25519 key in PKCS #8. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function newAgeIdentity(): AgeIdentity {
  const { privateKey } = generateKeyPairSync('x25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  return {
    identity: encodeBech32(word, Buffer.from(d, 'base64url')).toUpperCase(),
    recipient: encodeBech32('age', Buffer.from(x, 'base64url')),
  };
}

/** The public half of an identity; undefined when the text is none. */
export function recipientOf(identity: string): string | undefined {
  const decoded = decodeBech32(identity);
  if (decoded?.word !== word || decoded.bytes.length !== keyBytes) return undefined;
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8Head, decoded.bytes]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return encodeBech32('age', Buffer.from(x, 'base64url'));
}

/**
 * What an identity file holds: an identity a line, comments after `#`. `fault` is the end of a sentence that begins with
 * where the text is from, and never has a word of it.
 */
export function parseIdentities(text: string): { identities: AgeIdentity[] } | { fault: string } {
  if (/^\s*(age-encryption\.org\/|-----BEGIN AGE ENCRYPTED FILE)/.test(text)) {
    return {
      fault: 'is itself encrypted: hand over what is in it by a command, restore.age_identity_command',
    };
  }
  if (/-----BEGIN/.test(text)) return { fault: "holds an SSH or PEM key, and only age's own are taken" };
  const identities: AgeIdentity[] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.trim();
    if (line === '' || line.startsWith('#')) continue;
    const recipient = recipientOf(line);
    if (recipient === undefined) {
      return { fault: `has in line ${index + 1} something else than an age identity, AGE-SECRET-KEY-1…` };
    }
    identities.push({ identity: line.toUpperCase(), recipient });
  }
  return identities.length === 0 ? { fault: 'holds no age identity, AGE-SECRET-KEY-1…' } : { identities };
}
