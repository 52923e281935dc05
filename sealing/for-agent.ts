/**
 * What an agent needs of a secret, sealed for its own age key: nobody else opens it, the control worker that sealed it
 * included. The envelope is a file of age (X25519 recipient, one chunk) in base64, made here and not by the program,
 * so that the secret is in no pipe and no process but ours.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { decodeBech32 } from '../domain/bech32.ts';
import { TidemarkError } from '../domain/errors.ts';

const intro = 'age-encryption.org/v1';
const keyLabel = `${intro}/X25519`;
const cipher = 'chacha20-poly1305';
const keyBytes = 32;
const fileKeyBytes = 16;
const nonceBytes = 16;
const tagBytes = 16;
/** Of one chunk of age; nothing that is sealed here comes near it. */
const mostBytes = 64 * 1024;
/** What stands before the 32 bytes of an X25519 key in PKCS #8, and in SPKI. */
const privateHead = Buffer.from('302e020100300506032b656e04220420', 'hex');
const publicHead = Buffer.from('302a300506032b656e032100', 'hex');
/** Counts the chunks, big-endian, and ends in 1 for the last one: there is one, number 0. */
const onlyChunk = Buffer.from('000000000000000000000001', 'hex');
const zeroNonce = Buffer.alloc(12);

/**
 * @param plain shorter than 64 KiB in UTF-8
 * @param recipient the agent's age key: `age1…`
 * @returns base64, in one line
 */
export function sealForAgent(plain: string, recipient: string): string {
  const body = Buffer.from(plain);
  if (body.length > mostBytes)
    throw new RangeError('what is sealed for an agent has to be shorter than 64 KiB');
  const theirs = keyOf(recipient, 'age');
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const share = publicKey.export({ format: 'der', type: 'spki' }).subarray(publicHead.length);
  const fileKey = randomBytes(fileKeyBytes);
  const wrapping = wrappingKey(privateKey, publicOf(theirs), share, theirs);
  const header = [intro, `-> X25519 ${bare(share)}`, bare(encrypt(wrapping, zeroNonce, fileKey)), '---'].join(
    '\n',
  );
  const nonce = randomBytes(nonceBytes);
  const payload = encrypt(payloadKey(fileKey, nonce), onlyChunk, body);
  return Buffer.concat([Buffer.from(`${header} ${bare(macOf(fileKey, header))}\n`), nonce, payload]).toString(
    'base64',
  );
}

/**
 * @param identity the agent's own: `AGE-SECRET-KEY-1…`
 * @throws sealed_for_another when it was sealed for another key, or changed on its way
 */
export function openSealed(envelope: string, identity: string): string {
  const bytes = Buffer.from(envelope, 'base64');
  const secret = keyOf(identity, 'age-secret-key-');
  const privateKey = createPrivateKey({
    key: Buffer.concat([privateHead, secret]),
    format: 'der',
    type: 'pkcs8',
  });
  const own = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(publicHead.length);
  const text = bytes.subarray(0, 512).toString('latin1');
  const found = /^(age-encryption\.org\/v1\n-> X25519 ([\w+/]{43})\n([\w+/]{43})\n---) ([\w+/]{43})\n/.exec(
    text,
  );
  try {
    if (!found) throw new Error('no envelope');
    const [head, header = '', shareText = '', wrapped = '', mac = ''] = found;
    const share = Buffer.from(shareText, 'base64');
    const wrapping = wrappingKey(privateKey, publicOf(share), share, own);
    const fileKey = decrypt(wrapping, zeroNonce, Buffer.from(wrapped, 'base64'));
    if (!timingSafeEqual(macOf(fileKey, header), Buffer.from(mac, 'base64'))) throw new Error('changed');
    const nonce = bytes.subarray(head.length, head.length + nonceBytes);
    return decrypt(
      payloadKey(fileKey, nonce),
      onlyChunk,
      bytes.subarray(head.length + nonceBytes),
    ).toString();
  } catch {
    // Not the cause: nothing that was half opened gets into an error.
    throw new TidemarkError(
      'sealed_for_another',
      'What was sealed for this agent does not open with its key: it was sealed for another agent, or changed on ' +
        'its way. Order the operation again; if that does not help, enrol the agent anew.',
    );
  }
}

/** The 32 bytes of a key in age's text form. */
function keyOf(text: string, word: string): Buffer {
  const decoded = decodeBech32(text);
  if (decoded?.word === word && decoded.bytes.length === keyBytes) return decoded.bytes;
  throw new TidemarkError('internal', 'The age key of an agent is none.');
}

function publicOf(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicHead, bytes]), format: 'der', type: 'spki' });
}

/** @param share the sender's public key of this one envelope @param recipient the reader's */
function wrappingKey(privateKey: KeyObject, publicKey: KeyObject, share: Buffer, recipient: Buffer): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  return Buffer.from(hkdfSync('sha256', secret, Buffer.concat([share, recipient]), keyLabel, keyBytes));
}

function payloadKey(fileKey: Buffer, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', keyBytes));
}

function macOf(fileKey: Buffer, header: string): Buffer {
  const key = Buffer.from(hkdfSync('sha256', fileKey, '', 'header', keyBytes));
  return createHmac('sha256', key).update(header).digest();
}

function encrypt(key: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const encryption = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
  return Buffer.concat([encryption.update(plain), encryption.final(), encryption.getAuthTag()]);
}

function decrypt(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer {
  const decryption = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes });
  decryption.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decryption.update(sealed.subarray(0, -tagBytes)), decryption.final()]);
}

/** Base64 as age writes it, without what fills it up. */
function bare(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
