/** Bytes of a binlog as the server sends them to its replicas, for whoever needs no more than a look. */
import { constants, type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import type { BinlogHead } from '../../domain/archive/server-view.ts';
import { BinlogTrack } from '../../domain/archive/track.ts';
import { uint32 } from '../../domain/binlog/bytes.ts';
import { eventTypes } from '../../domain/binlog/event-types.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { type Child, startChild } from '../processes/child.ts';
import { runProgram } from '../processes/run.ts';
import { findProgram } from '../programs.ts';
import { writeAccount } from './account.ts';

export interface FetchOptions {
  server: ServerSettings;
  /** The follower's own: for the account, and the record of the process. */
  folder: string;
  signal: AbortSignal;
}

const pieceBytes = 256 * 1024;
const pollMs = 2;
/** How long the server may send nothing, though it is not at the end. */
const silentMs = 30_000;
const magicBytes = 4;
const headerBytes = 19;

/**
 * What follows a place in a file, up to the end of the file. From 0 on the head is part of it, from later positions on
 * it is left out. Whoever ends the iteration ends the program.
 *
 * @param from between two events
 * @throws archive_failed when nothing comes; what breaks off later ends it, because a file can be cut off
 */
export async function* fetchBytes(from: BinlogPoint, options: FetchOptions): AsyncGenerator<Buffer, void> {
  let kept: Buffer | undefined = from.position === 0 ? undefined : Buffer.alloc(0);
  for await (const piece of fetchStream(from, options)) {
    if (!kept) {
      yield piece;
      continue;
    }
    kept = Buffer.concat([kept, piece]);
    const head = headLength(kept);
    if (head === undefined) continue;
    const rest = kept.subarray(head);
    kept = undefined;
    if (rest.length > 0) yield rest;
  }
}

/** Where the bytes begin that were asked for; undefined while that cannot be told. */
function headLength(bytes: Buffer): number | undefined {
  if (bytes.length < magicBytes + headerBytes) return undefined;
  const end = magicBytes + uint32(bytes, magicBytes + 9);
  if (bytes.length < end + headerBytes) return undefined;
  // Put in by the server where it has decrypted what follows; it is in no file.
  const inserted = bytes[end + 4] === eventTypes.START_ENCRYPTION_EVENT && uint32(bytes, end + 13) === 0;
  const length = inserted ? end + uint32(bytes, end + 9) : end;
  return bytes.length < length ? undefined : length;
}

/** How a file begins. @throws archive_failed */
export async function readHead(file: string, options: FetchOptions): Promise<BinlogHead> {
  const track = new BinlogTrack({ position: 0, state: '' });
  for await (const piece of fetchStream({ file, position: 0 }, options)) {
    track.feed(piece);
    if (track.head) break;
  }
  const { head } = track;
  if (!head) throw new TidemarkError('archive_failed', `The server's binlog ${file} has no whole beginning.`);
  return { digest: head.digest, serverId: head.serverId, gtid: head.gtid };
}

/** As the program writes it: with the head, wherever it begins. Through a pipe, so that nothing of it lies on a disk. */
export async function* fetchStream(
  { file, position }: BinlogPoint,
  { server, folder, signal }: FetchOptions,
): AsyncGenerator<Buffer, void> {
  const place = await mkdtemp(path.join(folder, 'look-'));
  let child: Child | undefined;
  let pipe: FileHandle | undefined;
  try {
    const optionFile = path.join(place, 'account.cnf');
    await writeAccount(server, optionFile);
    await runProgram('mkfifo', ['-m', '600', path.join(place, file)], { signal });
    pipe = await open(path.join(place, file), constants.O_RDONLY | constants.O_NONBLOCK);
    child = startChild(
      await findProgram(server, 'mariadb-binlog'),
      [
        // Has to come first.
        `--defaults-file=${optionFile}`,
        '--read-from-remote-server',
        '--raw',
        `--start-position=${Math.max(position, magicBytes)}`,
        `--result-file=${place}/`,
        file,
      ],
      { folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    yield* readPipe(pipe, child, file, signal);
  } finally {
    child?.kill('SIGKILL');
    await child?.end();
    await pipe?.close();
    await rm(place, { recursive: true, force: true });
  }
}

async function* readPipe(
  pipe: FileHandle,
  child: Child,
  file: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  let gone: { code: number | null; stderr: string } | undefined;
  void child.exited.then((exit) => (gone = exit));
  let heardAt = performance.now();
  for (let nothing = true; ;) {
    signal.throwIfAborted();
    // Asked before it is read: what came last is not overlooked.
    const ended = gone;
    const piece = Buffer.allocUnsafe(pieceBytes);
    const bytes = await readSome(pipe, piece);
    if (bytes > 0) {
      nothing = false;
      yield piece.subarray(0, bytes);
      // Whoever takes its time with it is not the server.
      heardAt = performance.now();
    } else if (ended) {
      if (nothing && ended.code !== 0) throw failed(file, ended.stderr);
      return;
    } else if (performance.now() - heardAt > silentMs) {
      const text = `The server has sent nothing of its binlog ${file} for ${silentMs / 1000} s.`;
      throw new TidemarkError('archive_failed', text);
    } else await sleep(pollMs, undefined, { signal });
  }
}

async function readSome(pipe: FileHandle, into: Buffer): Promise<number> {
  try {
    return (await pipe.read(into, 0, into.length)).bytesRead;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw new TidemarkError('archive_failed', `The binlog could not be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function failed(file: string, stderr: string): TidemarkError {
  const said = stderr
    .split('\n')
    .filter((line) => line.startsWith('ERROR:'))
    .join(' ')
    .replace(/^ERROR: (Got error reading packet from server: )?/, '');
  return new TidemarkError('archive_failed', `The server gives nothing of its binlog ${file}: ${said}`);
}
