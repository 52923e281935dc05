/**
 * Seals what is secret before it is stored, under the deployment's key: AES-256-GCM, the key's id in the envelope.
 * The api and the control workers have the keys, no agent has.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { TidemarkError } from '../domain/errors.ts';
import { parseKeys, type SealingKey } from './keys.ts';

const version = 'v1';
const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

export interface KeyRing {
  /** The id of the key that seals. */
  readonly keyId: string;
  /**
   * @param context what the envelope belongs to, such as the row that holds it: opened anywhere else, it fails
   * @returns printable ASCII: `v1.<key id>.<nonce>.<ciphertext and tag>`, the last two in base64url
   */
  seal(plain: string, context: string): string;
  /** @throws sealing_key_missing when the key is not in the file any more; internal when the envelope was changed */
  open(envelope: string, context: string): string;
  /** A digest from which the text cannot be guessed without the key: `<key id>.<hex>`. */
  digest(plain: string, context: string): string;
  /** Whether a digest is this text's. @throws sealing_key_missing */
  matches(digest: string, plain: string, context: string): boolean;
}

/**
 * @param text of the file of keys, see keys.ts
 * @param path for messages
 * @throws invalid_setting
 */
export function keyRing(text: string, path: string): KeyRing {
  const keys = parseKeys(text, path);
  const [sealing] = keys;
  const keyNamed = (id: string): SealingKey => {
    const key = keys.find((one) => one.id === id);
    if (key) return key;
    throw new TidemarkError(
      'sealing_key_missing',
      `What is asked for was sealed under the key ${id}, which is not in the sealing key file: put its line back, below the first. If it is there, this process was started before it was: start it again.`,
    );
  };
  const digestWith = (key: SealingKey, plain: string, context: string): string =>
    createHmac('sha256', key.digest).update(`${context}\0${plain}`).digest('hex');
  return {
    keyId: sealing.id,
    seal(plain, context) {
      const nonce = randomBytes(nonceBytes);
      const encryption = createCipheriv(cipher, sealing.encryption, nonce).setAAD(aad(sealing.id, context));
      const body = Buffer.concat([encryption.update(plain, 'utf8'), encryption.final()]);
      const sealed = Buffer.concat([body, encryption.getAuthTag()]);
      return [version, sealing.id, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },
    open(envelope, context) {
      const [, id = '', nonce = '', sealed = ''] =
        /^v1\.([0-9a-f]{16})\.([\w-]{16})\.([\w-]+)$/.exec(envelope) ?? [];
      if (id === '') throw new TidemarkError('internal', 'An envelope in the catalog is not one of ours.');
      const key = keyNamed(id);
      const bytes = Buffer.from(sealed, 'base64url');
      try {
        const decryption = createDecipheriv(cipher, key.encryption, Buffer.from(nonce, 'base64url'), {
          authTagLength: tagBytes,
        })
          .setAAD(aad(id, context))
          .setAuthTag(bytes.subarray(-tagBytes));
        return Buffer.concat([
          decryption.update(bytes.subarray(0, -tagBytes)),
          decryption.final(),
        ]).toString();
      } catch (cause) {
        throw new TidemarkError(
          'internal',
          'An envelope in the catalog was changed, or moved to another place.',
          {
            cause,
          },
        );
      }
    },
    digest: (plain, context) => `${sealing.id}.${digestWith(sealing, plain, context)}`,
    matches(digest, plain, context) {
      const [id = '', hex = ''] = digest.split('.');
      const own = Buffer.from(digestWith(keyNamed(id), plain, context));
      const given = Buffer.from(hex);
      return own.length === given.length && timingSafeEqual(own, given);
    },
  };
}

/** The id of the key that an envelope or a digest was made under. */
export function keyIdOf(sealed: string): string {
  return /^(?:v1\.)?([0-9a-f]{16})\./.exec(sealed)?.[1] ?? '';
}

function aad(keyId: string, context: string): Buffer {
  return Buffer.from(`${version} ${keyId} ${context}`);
}
