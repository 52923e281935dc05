/**
 * The header of a file of age: for whom it is encrypted, and the key of its content, opened with a passphrase or an
 * identity. Here and not by the program, which takes a passphrase from a terminal alone. No error has a word of a key.
 */
import {
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { parseIdentities } from '../../domain/age-identity.ts';
import { decodeBech32 } from '../../domain/bech32.ts';

const intro = 'age-encryption.org/v1';
const keyLabel = `${intro}/X25519`;
const passphraseLabel = `${intro}/scrypt`;
/** What stands before the 32 bytes of an X25519 key in PKCS #8, and in SPKI. */
const privateHead = Buffer.from('302e020100300506032b656e04220420', 'hex');
const publicHead = Buffer.from('302a300506032b656e032100', 'hex');
const zeroNonce = Buffer.alloc(12);
const tagBytes = 16;
/** The work of age's own passphrases is 2^18; each step more takes twice the memory: 1 GiB here. */
const mostWork = 20;

interface Stanza {
  args: string[];
  body: Buffer;
}

interface Header {
  stanzas: Stanza[];
  /** What the digest is of. */
  signed: string;
  mac: Buffer;
}

/** How long a header may be, in bytes. */
export const longestHeader = 64 * 1024;

/** What is at the beginning of the stream; undefined when it is no header. @param text with all its lines */
export function parseHeader(text: string): Header | undefined {
  const lines = text.split('\n');
  if (lines[0] !== intro) return undefined;
  const stanzas: Stanza[] = [];
  for (const [index, line] of lines.entries()) {
    const [, mac] = /^--- ([\w+/]{43})$/.exec(line) ?? [];
    if (mac !== undefined) {
      const signed = `${lines.slice(0, index).join('\n')}\n---`;
      return { stanzas: stanzas.map(joined), signed, mac: Buffer.from(mac, 'base64') };
    }
    if (line.startsWith('-> ')) stanzas.push({ args: line.slice(3).split(' '), body: Buffer.from('') });
    else if (index > 0) stanzas.at(-1)?.args.push(`\n${line}`);
  }
  return undefined;
}

/** The lines of a body come behind the arguments, each marked. */
function joined({ args }: Stanza): Stanza {
  const body = args.filter((text) => text.startsWith('\n')).map((text) => text.slice(1));
  return { args: args.filter((text) => !text.startsWith('\n')), body: Buffer.from(body.join(''), 'base64') };
}

/**
 * The key of the content.
 *
 * @param key a passphrase, or identities as age-keygen prints them
 * @returns undefined when it does not open the file
 */
export async function openHeader(header: Header, key: string): Promise<Buffer | undefined> {
  const parsed = parseIdentities(key);
  const opened =
    'identities' in parsed
      ? parsed.identities.map(({ identity }) => withIdentity(header, identity)).find((found) => found)
      : await withPassphrase(header, key);
  if (!opened) return undefined;
  const mac = createHmac('sha256', derived(opened, Buffer.alloc(0), 'header'))
    .update(header.signed)
    .digest();
  return mac.length === header.mac.length && timingSafeEqual(mac, header.mac) ? opened : undefined;
}

/** Whether the file was encrypted with a passphrase, so that no identity opens it. */
export function isForPassphrase({ stanzas }: Header): boolean {
  return stanzas.some(({ args: [type] }) => type === 'scrypt');
}

function withIdentity({ stanzas }: Header, identity: string): Buffer | undefined {
  const secret = decodeBech32(identity)?.bytes;
  if (!secret) return undefined;
  const privateKey = createPrivateKey({
    key: Buffer.concat([privateHead, secret]),
    format: 'der',
    type: 'pkcs8',
  });
  const own = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(publicHead.length);
  for (const { args, body } of stanzas) {
    const [type, share = ''] = args;
    if (type !== 'X25519') continue;
    const theirs = Buffer.from(share, 'base64');
    if (theirs.length !== 32) continue;
    const shared = diffieHellman({ privateKey, publicKey: publicOf(theirs) });
    const opened = unwrap(derived(shared, Buffer.concat([theirs, own]), keyLabel), body);
    if (opened) return opened;
  }
  return undefined;
}

function publicOf(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicHead, bytes]), format: 'der', type: 'spki' });
}

async function withPassphrase({ stanzas }: Header, passphrase: string): Promise<Buffer | undefined> {
  const [stanza] = stanzas;
  const [type, salt = '', work = ''] = stanza?.args ?? [];
  if (!stanza || type !== 'scrypt' || stanzas.length !== 1 || !/^\d{1,2}$/.test(work)) return undefined;
  if (Number(work) > mostWork) return undefined;
  const cost = 2 ** Number(work);
  const salted = Buffer.concat([Buffer.from(passphraseLabel), Buffer.from(salt, 'base64')]);
  const key = await new Promise<Buffer>((resolve, reject) => {
    // What it takes is 128 bytes by cost and block size, and a little more.
    const options = { N: cost, r: 8, p: 1, maxmem: 128 * cost * 8 + 1024 ** 2 };
    scrypt(passphrase, salted, 32, options, (error, derivedKey) =>
      error ? reject(error) : resolve(derivedKey),
    );
  });
  return unwrap(key, stanza.body);
}

function unwrap(key: Buffer, body: Buffer): Buffer | undefined {
  return decryptChunk(key, zeroNonce, body);
}

/** @returns undefined when it is not what was encrypted with this key */
export function decryptChunk(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer | undefined {
  if (sealed.length < tagBytes) return undefined;
  const decryption = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  decryption.setAuthTag(sealed.subarray(-tagBytes));
  const plain = decryption.update(sealed.subarray(0, -tagBytes));
  try {
    decryption.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** The key of the chunks. @param nonce the 16 bytes behind the header */
export function contentKey(fileKey: Buffer, nonce: Buffer): Buffer {
  return derived(fileKey, nonce, 'payload');
}

function derived(secret: Buffer, salt: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, label, 32));
}
