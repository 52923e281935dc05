/**
 * What a server wrote last, and nobody had read when it was stopped: taken from its files into the spool before they are
 * replaced. It is archived from there afterwards, so that a store that is away delays nothing.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import { clearInUse } from '../../domain/archive/track.ts';
import { uint32 } from '../../domain/binlog/bytes.ts';
import { eventTypes } from '../../domain/binlog/event-types.ts';
import { messageOf } from '../../domain/errors.ts';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import type { Log } from '../../domain/log.ts';
import { numberOf } from './resume.ts';
import { Spool } from './spool.ts';
import { readFollowed } from './standing.ts';

const headerBytes = 19;
const magicBytes = 4;
/** The spool gives back whole blocks of what is archived; what comes behind the last one is still there. */
const blockBytes = 4096;

export interface TailOptions {
  /** The agent's own. */
  stateDirectory: string;
  layout: Layout;
  /** How much may lie in the spool. */
  spoolSize: number;
  log: Log;
}

/** The server's file is not the one that was followed under its name. */
class OtherFile extends Error {}

/**
 * Copies what the spool does not have yet. Nothing follows meanwhile, and the server is stopped. Whatever keeps it from
 * that is told and keeps nobody else: the replaced data has its binlogs, as long as it is kept. May be repeated.
 *
 * An encrypted binlog cannot be copied: it is archived as the server sends it, in plain text.
 *
 * @returns whether all of these binlogs is known to be archived, or to lie in the spool of a timeline that is
 */
export async function saveTail({ stateDirectory, layout, spoolSize, log }: TailOptions): Promise<boolean> {
  try {
    const folder = path.join(stateDirectory, 'follow');
    const spool = new Spool(folder);
    const note = await spool.left();
    if (!note || layout.binlogBasename === '') return false;
    const directory = binlogDirectory(layout);
    let room = spoolSize - (await spool.usedBytes());
    const known = (await spool.files()).at(-1);
    const newest = known ?? note.file;
    const files = await binlogsFrom(directory, layout.binlogBasename, newest);
    for (const file of files) {
      const { bytes, missing } = await copyRest(spool, { file, from: note, directory, room });
      room -= bytes;
      if (missing === 0) continue;
      log.warn(
        { file, missing },
        'The end of the binlog does not fit into the spool (binlog.spool_size) and is not archived: it is in the ' +
          'replaced data, as long as that is kept.',
      );
      return false;
    }
    // Of a file that the spool did not have, nobody knows whether it is the one that was followed; and what lies in the
    // spool of a timeline that was never written goes nowhere.
    return files[0] === known && (await readFollowed(folder))?.timeline === note.timeline;
  } catch (error) {
    if (error instanceof OtherFile) return false;
    log.warn(
      { reason: messageOf(error) },
      'What the server wrote last could not be taken from its binlog and may be missing in the archive: it is in ' +
        'the replaced data, as long as that is kept.',
    );
    return false;
  }
}

/** Where the binlog of a server that is stopped ends; undefined where it has none that can be read. */
export async function binlogEnd(layout: Layout): Promise<BinlogPoint | undefined> {
  const { binlogBasename: basename } = layout;
  if (basename === '') return undefined;
  const directory = binlogDirectory(layout);
  const file = (await binlogsFrom(directory, basename)).at(-1);
  if (file === undefined) return undefined;
  const found = await stat(path.join(directory, file)).catch(() => undefined);
  return found && { file, position: found.size };
}

function binlogDirectory(layout: Layout): string {
  return layout.members.find(({ kind }) => kind === 'binlog')?.directory ?? dataDirectory(layout);
}

/** The names of the server's binlogs, from one on, in their order. */
async function binlogsFrom(directory: string, basename: string, first?: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.startsWith(`${basename}.`) && /^\d+$/.test(name.slice(basename.length + 1)))
    .filter((name) => first === undefined || numberOf(name) >= numberOf(first))
    .toSorted((a, b) => numberOf(a) - numberOf(b));
}

interface Copying {
  file: string;
  /** Where the reading began. */
  from: { file: string; position: number };
  directory: string;
  /** How many bytes may be copied. */
  room: number;
}

/** @returns what was copied, and what had no room */
async function copyRest(
  spool: Spool,
  { file, from, directory, room }: Copying,
): Promise<{ bytes: number; missing: number }> {
  const live = path.join(directory, file);
  const spooled = path.join(spool.directory, file);
  await using theirs = await open(live, 'r');
  const head = await headOf(theirs);
  const { size } = await theirs.stat();
  let position = await reachedBy(spool, file, head);
  if (position === undefined) {
    // What is written is what the server sends: the head, and what comes from a place on.
    position = from.file === file ? Math.max(from.position, head.length) : head.length;
    await using begun = await open(spooled, 'w', 0o600);
    await begun.write(head);
  } else await requireSame(theirs, spooled, position);
  const bytes = Math.max(0, Math.min(size - position, room));
  if (bytes > 0) {
    await pipeline(
      createReadStream(live, { start: position, end: position + bytes - 1 }),
      createWriteStream(spooled, { flags: 'a', flush: true }),
    );
  }
  return { bytes, missing: Math.max(0, size - position - bytes) };
}

/** How far the spool has a file; undefined where it has not even its head. @throws OtherFile */
async function reachedBy(spool: Spool, file: string, head: Buffer): Promise<number | undefined> {
  const ours = await spool.open(file);
  if (!ours) return undefined;
  try {
    const sent = await ours.head(true);
    if (!sent) return undefined;
    // When the file was begun: of what the server sends from a later place on, it is all that is the same.
    if (uint32(sent, magicBytes) !== uint32(head, magicBytes)) throw new OtherFile();
    return await ours.end();
  } finally {
    await ours.close();
  }
}

/** Magic and format description. @throws where there is none, or what comes is encrypted */
async function headOf(file: FileHandle): Promise<Buffer> {
  const bytes = await bytesAt(file, 0, blockBytes);
  if (bytes.length < magicBytes + headerBytes) throw new Error('The newest binlog has no beginning.');
  const end = magicBytes + uint32(bytes, magicBytes + 9);
  if (bytes[end + 4] === eventTypes.START_ENCRYPTION_EVENT) throw new Error('The binlog is encrypted.');
  return bytes.subarray(0, end);
}

/** @throws OtherFile */
async function requireSame(theirs: FileHandle, spooled: string, position: number): Promise<void> {
  const { size } = await stat(spooled);
  const length = Math.min(size % blockBytes, position);
  await using handle = await open(spooled, 'r');
  const ours = await bytesAt(handle, size - length, length);
  const other = await bytesAt(theirs, position - length, length);
  if (size === position && length === size) for (const bytes of [ours, other]) clearInUse(bytes);
  if (!ours.equals(other)) throw new OtherFile();
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
