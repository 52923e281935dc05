/**
 * Decrypting what was encrypted by `openssl enc -aes-256-cbc -pbkdf2` or by age, within this process: the key is in no
 * argument, no environment and no pipe.
 */
import { createDecipheriv, pbkdf2 } from 'node:crypto';
import { TidemarkError } from '../../domain/errors.ts';
import {
  contentKey,
  decryptChunk,
  isForPassphrase,
  longestHeader,
  openHeader,
  parseHeader,
} from './age-header.ts';
import { ByteReader, type Bytes } from './bytes.ts';

/** What `openssl enc -pbkdf2` does when it is told nothing else. */
const openssl = { iterations: 10_000, digest: 'sha256', cipher: 'aes-256-cbc' } as const;
const saltMark = 'Salted__';
const blockBytes = 16;

const pieceBytes = 1024 ** 2;
/** What a stream is is known when so much of it was read. */
const beginningBytes = 64 * 1024;

/** @throws source_key_wrong, also when a short stream is cut short, which cannot be told from it; source_damaged */
export async function* decryptOpenssl(source: Bytes, key: string | undefined): AsyncGenerator<Uint8Array> {
  const passphrase = requireKey(key, 'by openssl');
  const reader = new ByteReader(source);
  try {
    const head = await reader.read(saltMark.length + 8);
    const secret = await new Promise<Buffer>((resolve, reject) => {
      const salt = head.subarray(saltMark.length);
      pbkdf2(passphrase, salt, openssl.iterations, 48, openssl.digest, (error, derived) =>
        error ? reject(error) : resolve(derived),
      );
    });
    const decryption = createDecipheriv(openssl.cipher, secret.subarray(0, 32), secret.subarray(32));
    let bytes = 0;
    for (;;) {
      const piece = await reader.some(pieceBytes);
      if (piece.length === 0) break;
      bytes += piece.length;
      yield decryption.update(piece);
    }
    if (bytes % blockBytes !== 0) throw cutShort('openssl');
    let last: Buffer;
    try {
      last = decryption.final();
    } catch {
      // Not the cause: nothing that was half opened gets into an error. Of more than that, what was opened was already
      // recognized, and so the key is right.
      throw bytes > beginningBytes ? cutShort('openssl') : notOpened();
    }
    yield last;
  } finally {
    await reader.end();
  }
}

function notOpened(): TidemarkError {
  return new TidemarkError(
    'source_key_wrong',
    'The backup is encrypted by openssl, and does not open with "encryption_key": the key is another one, or the backup is ' +
      'cut short. It has to be of openssl enc -aes-256-cbc -pbkdf2.',
  );
}

const chunkBytes = 64 * 1024;
const tagBytes = 16;
const nonceBytes = 16;

/** @throws source_key_wrong, source_damaged */
export async function* decryptAge(source: Bytes, key: string | undefined): AsyncGenerator<Uint8Array> {
  const given = requireKey(key, 'by age');
  const reader = new ByteReader(source);
  try {
    const header = parseHeader(await readHeader(reader));
    if (!header) throw new TidemarkError('source_damaged', 'The header of age is cut short or damaged.');
    const fileKey = await openHeader(header, given);
    if (!fileKey) {
      const wanted = isForPassphrase(header)
        ? 'the passphrase that it was encrypted with'
        : 'an age identity, AGE-SECRET-KEY-1…, of one of its recipients';
      throw new TidemarkError(
        'source_key_wrong',
        `The backup is encrypted by age, and "encryption_key" does not open it: it has to be ${wanted}.`,
      );
    }
    const secret = contentKey(fileKey, Buffer.from(await reader.read(nonceBytes)));
    yield* decryptChunks(reader, secret);
  } finally {
    await reader.end();
  }
}

async function* decryptChunks(reader: ByteReader, secret: Buffer): AsyncGenerator<Uint8Array> {
  const nonce = Buffer.alloc(12);
  let sealed = Buffer.from(await reader.read(chunkBytes + tagBytes));
  for (let number = 0; ; number += 1) {
    const following = Buffer.from(await reader.read(chunkBytes + tagBytes));
    const isLast = following.length === 0;
    // A number of eleven bytes, big-endian, of which these are the last; then what tells the last chunk.
    nonce.writeUInt32BE(Math.floor(number / 2 ** 32), 3);
    nonce.writeUInt32BE(number % 2 ** 32, 7);
    nonce[11] = isLast ? 1 : 0;
    const plain = decryptChunk(secret, nonce, sealed);
    if (!plain) throw cutShort('age');
    yield plain;
    if (isLast) return;
    sealed = following;
  }
}

async function readHeader(reader: ByteReader): Promise<string> {
  let text = '';
  while (text.length < longestHeader) {
    const letter = (await reader.read(1)).toString('latin1');
    if (letter === '') break;
    text += letter;
    if (letter === '\n' && /(^|\n)--- [^\n]*\n$/.test(text.slice(-80))) break;
  }
  return text;
}

/** The binary file within what `age -a` writes: lines of base64 between two of dashes. */
export async function* unarmor(source: Bytes): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  try {
    let text = '';
    let ended = false;
    for (;;) {
      const piece = await reader.some(pieceBytes);
      if (piece.length === 0) break;
      text = (text + piece.toString('latin1')).replace(/^\s*-----BEGIN AGE ENCRYPTED FILE-----\r?\n/, '');
      const end = text.indexOf('-----END');
      ended ||= end >= 0;
      // A rest that may be the beginning of the last line, or of a group of four letters, waits for what follows.
      const usable = (end >= 0 ? text.slice(0, end) : text.slice(0, text.lastIndexOf('\n') + 1)).replace(
        /\s/g,
        '',
      );
      const whole = end >= 0 ? usable.length : usable.length - (usable.length % 4);
      if (whole > 0) yield Buffer.from(usable.slice(0, whole), 'base64');
      if (ended) return;
      text = usable.slice(whole) + text.slice(text.lastIndexOf('\n') + 1);
    }
    throw cutShort('age');
  } finally {
    await reader.end();
  }
}

function cutShort(program: string): TidemarkError {
  return new TidemarkError(
    'source_damaged',
    `The backup is encrypted by ${program}, and it is cut short or damaged: it cannot be opened to its end.`,
  );
}

/** Without the line's end that an editor or `cat` leaves behind a key. */
function requireKey(key: string | undefined, how: string): string {
  if (key !== undefined) return key.replace(/\r?\n$/, '');
  throw new TidemarkError(
    'source_key_wrong',
    `The backup is encrypted ${how}: give what opens it as "encryption_key".`,
  );
}
