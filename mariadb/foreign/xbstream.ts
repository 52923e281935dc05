/**
 * Unpacking an xbstream, which mariadb-backup writes with `--stream=xbstream`. Its files come in chunks, many at a time;
 * each chunk has a magic word, flags, its kind, the file's path and, of content, length, place and CRC32. mbstream ends
 * well on a stream that stops between two chunks, and on a path that it refuses: here both are errors.
 */
import { crc32 } from 'node:zlib';
import { TidemarkError } from '../../domain/errors.ts';
import type { ByteReader } from './bytes.ts';
import { type Unpacked, type UnpackedFile, unsafe } from './unpacked.ts';

const magic = 'XBSTCK01';
const headBytes = magic.length + 1 + 1 + 4;
const longestPath = 4096;
const pieceBytes = 1024 ** 2;
/** Of flags: the chunk may be passed over by whoever does not know its kind. */
const ignorable = 1;
/** The most files that are open at a time; a server of threads has as many as threads. */
const mostOpen = 1000;

interface OpenFile {
  file: UnpackedFile;
  /** Where the next chunk goes on. */
  end: number;
}

/** @throws source_damaged, source_unsafe; what `into` throws */
export async function unpackXbstream(reader: ByteReader, into: Unpacked): Promise<void> {
  const open = new Map<string, OpenFile>();
  try {
    for (;;) {
      const head = await reader.read(headBytes);
      if (head.length === 0) break;
      if (head.length < headBytes) throw cutShort();
      if (head.toString('latin1', 0, magic.length) !== magic) throw damaged(reader, 'there is no chunk');
      const flags = head[magic.length] ?? 0;
      const kind = String.fromCharCode(head[magic.length + 1] ?? 0);
      const name = await readPath(reader, head.readUInt32LE(magic.length + 2));
      await unpackChunk(reader, into, open, { flags, kind, name });
    }
    const [unfinished] = open.keys();
    if (unfinished !== undefined) {
      throw new TidemarkError(
        'source_damaged',
        `The xbstream is cut short: it ends in the middle of ${JSON.stringify(unfinished.slice(0, 200))}.`,
      );
    }
  } finally {
    for (const { file } of open.values()) await file.close();
  }
}

async function unpackChunk(
  reader: ByteReader,
  into: Unpacked,
  open: Map<string, OpenFile>,
  { flags, kind, name }: { flags: number; kind: string; name: string },
): Promise<void> {
  switch (kind) {
    case 'P':
      await takePayload(reader, await opened(into, open, name));
      return;
    case 'E':
      await (await opened(into, open, name)).file.close();
      open.delete(name);
      return;
    case 'S':
      // What follows goes to another place of the file, as its first page, which is written last.
      (await opened(into, open, name)).end = await readSize(reader);
      return;
    case 'R': {
      const to = await readPath(reader, (await exactly(reader, 4)).readUInt32LE());
      if (open.has(name) || open.has(to)) throw unsafe(name, 'it is renamed while it is written');
      await into.move(name, to);
      return;
    }
    case 'D':
      if (open.has(name)) throw unsafe(name, 'it is removed while it is written');
      await into.remove(name);
      return;
  }
  if ((flags & ignorable) === 0) throw damaged(reader, 'there is a chunk of an unknown kind');
  // Of a kind that may be passed over, and is laid out as content is.
  await takePayload(reader, undefined);
}

async function opened(into: Unpacked, open: Map<string, OpenFile>, name: string): Promise<OpenFile> {
  const known = open.get(name);
  if (known) return known;
  if (open.size >= mostOpen) throw unsafe(name, `more than ${mostOpen} files are open at a time`);
  const made = { file: await into.create(name), end: 0 };
  open.set(name, made);
  return made;
}

async function takePayload(reader: ByteReader, target: OpenFile | undefined): Promise<void> {
  const length = await readSize(reader);
  const place = await readSize(reader);
  const expected = (await exactly(reader, 4)).readUInt32LE();
  if (target && place !== target.end) throw damaged(reader, 'a chunk is not where the one before it ends');
  let sum = 0;
  for (let done = 0; done < length;) {
    const piece = await reader.some(Math.min(pieceBytes, length - done));
    if (piece.length === 0) throw cutShort();
    sum = crc32(piece, sum);
    await target?.file.write(piece, place + done);
    done += piece.length;
  }
  if (sum !== expected) throw damaged(reader, 'a chunk has another checksum than it should');
  if (target) target.end = place + length;
}

async function readPath(reader: ByteReader, length: number): Promise<string> {
  if (length === 0 || length > longestPath) throw damaged(reader, 'a path is empty or too long');
  return (await exactly(reader, length)).toString('utf8');
}

async function readSize(reader: ByteReader): Promise<number> {
  const value = Number((await exactly(reader, 8)).readBigUInt64LE());
  if (!Number.isSafeInteger(value)) throw damaged(reader, 'a size is none');
  return value;
}

async function exactly(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.read(length);
  if (bytes.length < length) throw cutShort();
  return bytes;
}

function cutShort(): TidemarkError {
  return new TidemarkError('source_damaged', 'The xbstream is cut short: it ends in the middle of a chunk.');
}

function damaged(reader: ByteReader, why: string): TidemarkError {
  return new TidemarkError('source_damaged', `The xbstream is damaged at byte ${reader.position}: ${why}.`);
}
