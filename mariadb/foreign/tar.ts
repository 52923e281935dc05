/** Unpacking a tar archive: of ustar, GNU and POSIX form. Only files and folders; what links to something is refused. */
import { TidemarkError } from '../../domain/errors.ts';
import type { ByteReader } from './bytes.ts';
import { isTarHeader } from './layers.ts';
import { type Unpacked, unsafe } from './unpacked.ts';

const block = 512;
/** What a name, or what is said besides of a file, may take. Bytes. */
const longestNote = 1024 ** 2;
const pieceBytes = 1024 ** 2;

/** What is said of the next file before its own header. */
interface Said {
  name?: string;
  size?: number;
}

/** @throws source_damaged, source_unsafe; what `into` throws */
export async function unpackTar(reader: ByteReader, into: Unpacked): Promise<void> {
  let said: Said = {};
  for (;;) {
    const header = Buffer.from(await reader.read(block));
    if (header.length < block) throw cutShort();
    if (isZero(header)) return await requireEnd(reader);
    if (!isTarHeader(header)) {
      throw new TidemarkError(
        'source_damaged',
        `The tar archive is damaged at byte ${reader.position - block}: there is no header.`,
      );
    }
    const size = said.size ?? numberOf(header.subarray(124, 136));
    const type = String.fromCharCode(header[156] ?? 0);
    if ('LKxg'.includes(type))
      said = { ...said, ...(await readNote(reader, type, numberOf(header.subarray(124, 136)))) };
    else {
      await unpackEntry(reader, into, { name: said.name ?? nameOf(header), type, size });
      said = {};
    }
  }
}

/**
 * The end of an archive is two blocks of zeros, and more of them may fill up. Any other byte belongs to what would be
 * left out: a header before it was lost, or archives were put one behind the other.
 */
async function requireEnd(reader: ByteReader): Promise<void> {
  const at = reader.position - block;
  const second = await reader.read(block);
  if (second.length < block) throw cutShort();
  for (let piece = second; piece.length > 0; piece = await reader.some(pieceBytes)) {
    if (isZero(piece)) continue;
    throw new TidemarkError(
      'source_damaged',
      `The tar archive has zeros at byte ${at}, where a header should be, and goes on behind them: it is damaged, or several ` +
        'archives were put together in one object.',
    );
  }
}

const zeros = Buffer.alloc(pieceBytes);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

async function unpackEntry(
  reader: ByteReader,
  into: Unpacked,
  { name, type, size }: { name: string; type: string; size: number },
): Promise<void> {
  // Archives of before ustar tell folders by the slash alone.
  const folder = type === '5' || ((type === '0' || type === '\0') && name.endsWith('/'));
  if (folder) {
    await into.makeFolder(name);
    return;
  }
  // The name of a volume, which is no file.
  if (type === 'V') return await skip(reader, size);
  if (type === '1' || type === '2') throw unsafe(name, 'it is a link');
  if (type === '3' || type === '4' || type === '6')
    throw unsafe(name, 'it is no file, but a device or a pipe');
  if (type === 'S') {
    throw new TidemarkError(
      'source_no_backup',
      'The tar archive has files with holes (tar --sparse): make it without that option.',
    );
  }
  if (type !== '0' && type !== '\0' && type !== '7') throw unsafe(name, 'it is of an unknown kind');
  const file = await into.create(name);
  try {
    for (let done = 0; done < size;) {
      const piece = await reader.some(Math.min(pieceBytes, size - done));
      if (piece.length === 0) throw cutShort();
      await file.write(piece, done);
      done += piece.length;
    }
  } finally {
    await file.close();
  }
  await fillUp(reader, size);
}

/** A long name of GNU's form, or records of POSIX form. */
async function readNote(reader: ByteReader, type: string, size: number): Promise<Said> {
  if (size > longestNote)
    throw new TidemarkError('source_damaged', 'The tar archive has a name of more than 1 MiB.');
  const body = Buffer.from(await reader.read(size));
  if (body.length < size) throw cutShort();
  await fillUp(reader, size);
  if (type === 'L') return { name: body.toString('utf8').replace(/\0+$/, '') };
  // The target of a link, which is refused when it comes; and what is said of all files, of which nothing is needed.
  if (type !== 'x') return {};
  const said: Said = {};
  for (const [key, value] of recordsOf(body)) {
    if (key === 'path') said.name = value;
    if (key === 'size') said.size = sizeOf(value);
    if (key.startsWith('GNU.sparse.')) {
      throw new TidemarkError(
        'source_no_backup',
        'The tar archive has files with holes (tar --sparse): make it without that option.',
      );
    }
  }
  return said;
}

/** `12 path=a/b\n`: the length of the whole record, a blank, and what it says. */
function* recordsOf(body: Buffer): Generator<[string, string]> {
  for (let at = 0; at < body.length;) {
    const blank = body.indexOf(0x20, at);
    const length = Number(body.toString('latin1', at, blank));
    const equals = body.indexOf(0x3d, blank);
    const wrong = !Number.isInteger(length) || blank < 0 || equals < 0 || length <= equals - at;
    if (wrong || at + length > body.length)
      throw new TidemarkError('source_damaged', 'The tar archive is damaged.');
    yield [body.toString('utf8', blank + 1, equals), body.toString('utf8', equals + 1, at + length - 1)];
    at += length;
  }
}

function sizeOf(text: string): number {
  const size = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(size)) return size;
  throw new TidemarkError('source_damaged', 'The tar archive is damaged: a size is none.');
}

/** In octal digits, or, with the first bit set, in binary. */
function numberOf(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) {
    const digits = field.toString('latin1').replaceAll(/[\0 ]/g, '');
    return digits === '' ? 0 : sizeOf(String(parseInt(digits, 8)));
  }
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return sizeOf(String(value));
}

function nameOf(header: Buffer): string {
  const text = (from: number, to: number): string => {
    const field = header.subarray(from, to);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? field.length : end);
  };
  const prefix = text(257, 263) === 'ustar' ? text(345, 500) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** A file takes whole blocks. */
async function fillUp(reader: ByteReader, size: number): Promise<void> {
  await skip(reader, (block - (size % block)) % block);
}

async function skip(reader: ByteReader, bytes: number): Promise<void> {
  for (let left = bytes; left > 0;) {
    const piece = await reader.some(left);
    if (piece.length === 0) throw cutShort();
    left -= piece.length;
  }
}

function cutShort(): TidemarkError {
  return new TidemarkError('source_damaged', 'The tar archive is cut short: its end did not come.');
}
