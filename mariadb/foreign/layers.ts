/**
 * What a stream is, told by its first bytes and not by the name of its object; and what is within it, when it is encrypted
 * or compressed.
 */
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { type Bytes, giveUp, peek } from './bytes.ts';
import { gunzip, unzstd } from './decompress.ts';
import { decryptAge, decryptOpenssl, unarmor } from './decrypt.ts';

/** What a stream can be in the end. */
export type Content = 'tar' | 'xbstream' | 'sql';

const layers = ['gzip', 'zstd', 'openssl', 'age', 'armor'] as const;
type Layer = (typeof layers)[number];

const shown: Record<Layer | Content, string> = {
  gzip: 'compressed by gzip',
  zstd: 'compressed by zstd',
  openssl: 'encrypted by openssl',
  age: 'encrypted by age',
  armor: 'in letters',
  tar: 'a tar archive',
  xbstream: 'an xbstream',
  sql: 'a dump',
};

/** What is taken for another thing than it is: its first bytes, in hexadecimal digits, with a word on it. */
const unusable: [RegExp, string][] = [
  [/^425a68/, 'It is compressed by bzip2: compress it by gzip or zstd.'],
  [/^fd377a585a00/, 'It is compressed by xz: compress it by gzip or zstd.'],
  [/^04224d18/, 'It is compressed by lz4: compress it by gzip or zstd.'],
  [/^504b0[35]/, 'It is a zip archive: make it by tar.'],
  [/^377abcaf/, 'It is a 7z archive: make it by tar.'],
  [/^55324673644756/, 'It is encrypted by openssl in base64 (-a): leave that option out.'],
  [/^(8[45]|2d2d2d2d2d424547494e20504750)/, 'It is encrypted by gpg: encrypt it by age or openssl.'],
  [/^7170/, 'It is compressed by qpress: decompress it by mariadb-backup --decompress.'],
];

const headBytes = 4096;
/** An archive in an archive in an archive … is nobody's backup. */
const mostLayers = 5;

export interface Opened {
  content: Content;
  /** For people: `a tar archive, compressed by gzip, encrypted by openssl`. */
  form: string;
  /** Without any layer. Whoever does not read it to its end has to end it. */
  bytes: Bytes;
}

export interface OpenOptions {
  /** A passphrase, or an age identity. A secret. */
  key: string | undefined;
  server: ServerSettings;
  attempt: Attempt;
}

/** @throws source_no_backup, source_key_wrong, source_damaged, tool_missing; what the source throws */
export async function openLayers(source: Bytes, options: OpenOptions): Promise<Opened> {
  const found: Layer[] = [];
  let bytes = source;
  for (;;) {
    const { head, whole } = await peek(bytes, headBytes);
    bytes = whole;
    const kind = recognize(head);
    if (kind && !isLayer(kind)) return { content: kind, form: formOf(kind, found), bytes };
    if (!kind || found.length === mostLayers) {
      await giveUp(bytes);
      throw unknown(head, found, options.key !== undefined);
    }
    found.push(kind);
    bytes = unwrap(bytes, kind, options);
  }
}

function unwrap(bytes: Bytes, layer: Layer, { key, server, attempt }: OpenOptions): Bytes {
  switch (layer) {
    case 'gzip':
      return gunzip(bytes);
    case 'zstd':
      return unzstd(bytes, { server, attempt });
    case 'openssl':
      return decryptOpenssl(bytes, key);
    case 'age':
      return decryptAge(bytes, key);
    case 'armor':
      return unarmor(bytes);
  }
}

/** By the first bytes of a stream, up to 4 KiB of them. Undefined for what is nothing that is read here. */
function recognize(head: Buffer): Layer | Content | undefined {
  const begin = head.subarray(0, 64).toString('latin1');
  const digits = head.toString('hex', 0, 8);
  if (digits.startsWith('1f8b08')) return 'gzip';
  // A frame, or one that is to be skipped, as pzstd begins with.
  if (/^(28b52ffd|5.2a4d18)/.test(digits)) return 'zstd';
  if (begin.startsWith('Salted__')) return 'openssl';
  if (begin.startsWith('age-encryption.org/v1\n')) return 'age';
  if (/^\s*-----BEGIN AGE ENCRYPTED FILE-----/.test(begin)) return 'armor';
  if (begin.startsWith('XBSTCK01')) return 'xbstream';
  if (isTarHeader(head)) return 'tar';
  return isSql(head) ? 'sql' : undefined;
}

const tarBlock = 512;

/** By the sum of its bytes, which also archives of before ustar have: eight blanks stand for the sum itself. */
export function isTarHeader(block: Buffer): boolean {
  if (block.length < tarBlock) return false;
  const given = /^[ \0]*([0-7]+)/.exec(block.toString('latin1', 148, 156))?.[1];
  if (given === undefined) return false;
  let sum = 8 * 32;
  for (let index = 0; index < tarBlock; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum === parseInt(given, 8);
}

/** A dump begins with a comment or a statement, and has no byte that is none of a text. */
function isSql(head: Buffer): boolean {
  if (head.length === 0 || head.subarray(0, 512).some((byte) => byte < 9 || (byte > 13 && byte < 32)))
    return false;
  const text = head
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  return /^(--|#|\/\*|(CREATE|DROP|SET|USE|INSERT|REPLACE|LOCK|START|BEGIN|ALTER|DELIMITER)\b)/i.test(text);
}

function isLayer(kind: Layer | Content): kind is Layer {
  return (layers as readonly string[]).includes(kind);
}

function formOf(content: Content, found: readonly Layer[]): string {
  return [content, ...found.toReversed()].map((part) => shown[part]).join(', ');
}

function unknown(head: Buffer, found: readonly Layer[], keyGiven: boolean): TidemarkError {
  const outermost = found.at(-1);
  if (outermost === 'openssl') {
    return new TidemarkError(
      'source_key_wrong',
      'The backup is encrypted by openssl, and "encryption_key" opens it to nothing that is a backup: the key is ' +
        'another one, or it was not encrypted by openssl enc -aes-256-cbc -pbkdf2 with its own number of iterations.',
    );
  }
  const begin = head.toString('hex', 0, 16);
  const [, word] = unusable.find(([form]) => form.test(begin)) ?? [];
  const within = outermost === undefined ? '' : ` within what is ${shown[outermost]}`;
  const empty = head.length === 0 ? 'It is empty. ' : '';
  const key = keyGiven && found.length === 0 ? ' It is not encrypted by openssl or age either.' : '';
  return new TidemarkError(
    'source_no_backup',
    `What lies there is no tar archive, no xbstream and no dump${within}. ${empty}${word ?? ''}${key}`.trim(),
  );
}
