/**
 * Whether anything was written to a server since a restore: read off its binlogs as they lie on the disk, so that it
 * can be told of a server that is stopped, too, when nothing more can come.
 *
 * A session with `sql_log_bin = 0`, or a time without `log_bin`, leaves no trace there.
 */
import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { clearInUse } from '../../domain/archive/track.ts';
import { uint32, uint64 } from '../../domain/binlog/bytes.ts';
import { eventTypes } from '../../domain/binlog/event-types.ts';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import type { WrittenSince } from '../../domain/undo.ts';
import { namesIn } from '../restore/files.ts';

const magicBytes = 4;
const headerBytes = 19;
/** Of a GTID event: its sequence number and its domain. */
const gtidBytes = 12;
/** A format description is some 250 bytes long. */
const longestDescription = 64 * 1024;

/** The binlog that a server began with: its name, and the digest of its first event, which has the time in it. */
export interface FirstBinlog {
  file: string;
  head: string;
}

/** The oldest binlog of a server; undefined where it has none that can be read. */
export async function firstBinlog(layout: Layout): Promise<FirstBinlog | undefined> {
  const [file] = await binlogsOf(layout);
  if (file === undefined) return undefined;
  const head = await headDigest(path.join(directoryOf(layout), file));
  return head === undefined ? undefined : { file, head };
}

/**
 * @param first what `firstBinlog` answered when the server had just been restored; undefined where it had none, or
 *   nobody asked
 */
export async function writtenSince(layout: Layout, first: FirstBinlog | undefined): Promise<WrittenSince> {
  if (!first) return unknown('The restored server kept no binlog (log_bin).');
  const files = await binlogsOf(layout);
  const from = files.indexOf(first.file);
  const directory = directoryOf(layout);
  if (from < 0 || (await headDigest(path.join(directory, first.file))) !== first.head)
    return unknown('Its binlogs since then are not all there any more.');
  for (const file of files.slice(from)) {
    const found = await firstTransaction(path.join(directory, file));
    if (found) return found;
  }
  return { written: 'no' };
}

function unknown(reason: string): WrittenSince {
  return { written: 'unknown', reason };
}

function directoryOf(layout: Layout): string {
  return layout.members.find(({ kind }) => kind === 'binlog')?.directory ?? dataDirectory(layout);
}

/** The names of the binlogs, the oldest first. */
async function binlogsOf(layout: Layout): Promise<string[]> {
  const { binlogBasename: basename } = layout;
  if (basename === '') return [];
  const numberOf = (name: string): string => name.slice(basename.length + 1);
  return (await namesIn(directoryOf(layout)))
    .filter((name) => name.startsWith(`${basename}.`) && /^\d+$/.test(numberOf(name)))
    .sort((a, b) => Number(numberOf(a)) - Number(numberOf(b)));
}

async function headDigest(file: string): Promise<string | undefined> {
  await using handle = await open(file, 'r');
  const start = await bytesAt(handle, 0, magicBytes + headerBytes);
  if (start.length < magicBytes + headerBytes) return undefined;
  const length = magicBytes + uint32(start, magicBytes + 9);
  if (length > longestDescription) return undefined;
  const head = await bytesAt(handle, 0, length);
  // Set while the file is written, and not afterwards.
  clearInUse(head);
  return hash('sha256', head);
}

/** What is not a transaction is the server's own: descriptions, lists, checkpoints. */
async function firstTransaction(file: string): Promise<WrittenSince | undefined> {
  await using handle = await open(file, 'r');
  for (let position = magicBytes; ;) {
    const event = await bytesAt(handle, position, headerBytes + gtidBytes);
    if (event.length < headerBytes) return undefined;
    const type = event[4];
    if (type === eventTypes.START_ENCRYPTION_EVENT) return unknown('Its binlogs are encrypted.');
    if (type === eventTypes.GTID_EVENT && event.length === headerBytes + gtidBytes) {
      const gtid = `${uint32(event, headerBytes + 8)}-${uint32(event, 5)}-${uint64(event, headerBytes)}`;
      return { written: 'yes', gtid, at: new Date(uint32(event, 0) * 1_000).toISOString() };
    }
    const length = uint32(event, 9);
    if (length < headerBytes) return unknown(`Its binlog ${path.basename(file)} cannot be read.`);
    position += length;
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
