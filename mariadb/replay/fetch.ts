/** Binlogs out of the archive onto the host: each segment checked, opened, and put where it stands in its file. */
import { hash } from 'node:crypto';
import { chown, mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { ServerSettings } from '../../config/agent.ts';
import type { SegmentArchive, SegmentHeader } from '../../domain/archive/header.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { startPipeline } from '../processes/pipeline.ts';
import { findProgram } from '../programs.ts';
import { decryption } from '../restore/extract.ts';
import type { Owner } from '../restore/staging.ts';
import type { BinlogFile } from './order.ts';
import type { SelectedFile } from './select.ts';

const inflate = promisify(zstdDecompress);
/** Segments at a time. */
const ahead = 4;

export interface FetchOptions {
  server: ServerSettings;
  archive: SegmentArchive;
  /** What opens them; left out when they are not encrypted. */
  identity?: string | undefined;
  /** Made anew; on a file system with room for the binlogs. */
  folder: string;
  owner: Owner;
  attempt: Attempt;
  /** Of the stored bytes. */
  onProgress?: (bytes: number) => void;
}

type Opener = Pick<FetchOptions, 'server' | 'archive' | 'identity' | 'attempt'>;

interface Turn {
  /** The end of what is being decrypted: an attempt's folder has room for one pipe. */
  opening: Promise<unknown>;
}

type Site = FetchOptions & Turn;

async function inTurn<T>(site: Turn, work: () => Promise<T>): Promise<T> {
  const mine = site.opening.then(work);
  site.opening = mine.catch(() => undefined);
  return await mine;
}

/**
 * Puts the files into the folder, with holes where nothing of them is needed.
 *
 * @throws object_missing, object_damaged, identity_unavailable, disk_full and what else a store throws
 */
export async function fetchBinlogs(
  files: readonly SelectedFile[],
  options: FetchOptions,
): Promise<BinlogFile[]> {
  const { folder, owner } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chown(folder, owner.uid, owner.gid);
  const found: BinlogFile[] = [];
  const site: Site = { ...options, opening: Promise.resolve() };
  let fetched = 0;
  const tell = (bytes: number): void => options.onProgress?.((fetched += bytes));
  for (const [number, file] of files.entries()) {
    found.push(await fetchFile(file, path.join(folder, `${number + 1}`), site, tell));
  }
  return found;
}

async function fetchFile(
  file: SelectedFile,
  place: string,
  options: Site,
  tell: (bytes: number) => void,
): Promise<BinlogFile> {
  const { owner, attempt } = options;
  const { segments, head, cut, name, branch } = file;
  await using handle = await open(place, 'wx', 0o600);
  await handle.chown(owner.uid, owner.gid);
  try {
    if (head) {
      const bytes = await segmentBytes(head, options);
      await handle.write(bytes, 0, headLength(bytes), 0);
      tell(head.storedBytes);
    }
    const waiting = segments.values();
    const work = async (): Promise<void> => {
      for (const segment of waiting) {
        attempt.signal.throwIfAborted();
        await handle.write(await segmentBytes(segment, options), 0, undefined, segment.start);
        tell(segment.storedBytes);
      }
    };
    for (const ended of await Promise.allSettled(Array.from({ length: ahead }, work))) {
      if (ended.status === 'rejected') throw ended.reason;
    }
    if (cut !== undefined && cut < (segments.at(-1)?.end ?? 0)) await handle.truncate(cut);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new TidemarkError(
      'disk_full',
      `There is no room for the binlogs to be replayed in ${options.folder}.`,
      {
        cause: error,
      },
    );
  }
  const from = segments[0]!.start;
  return { name, path: place, ...(from > 0 && { from }), ...(branch && { branch }) };
}

/**
 * Magic, format description, and the event behind it: the server looks there for another description, and takes zeros
 * for damage.
 */
function headLength(bytes: Buffer): number {
  const second = 4 + bytes.readUInt32LE(4 + 9);
  return Math.min(bytes.length, second + bytes.readUInt32LE(second + 9));
}

/**
 * The binlog's own bytes.
 *
 * @throws object_missing, object_damaged, identity_unavailable and what else a store throws
 */
export async function segmentBytes(segment: SegmentHeader, options: Opener & Turn): Promise<Buffer> {
  const body = await options.archive.body(segment, options.attempt.signal);
  const packed =
    segment.recipients.length > 0 ? await inTurn(options, () => opened(body, segment, options)) : body;
  let bytes: Buffer;
  try {
    bytes = await inflate(packed, { maxOutputLength: segment.end - segment.start });
  } catch (error) {
    throw damaged(segment, messageOf(error));
  }
  if (bytes.length !== segment.end - segment.start || hash('sha256', bytes) !== segment.plainSha256) {
    throw damaged(segment, 'what is in it is not what its header names');
  }
  return bytes;
}

function damaged({ file, start, end }: SegmentHeader, what: string): TidemarkError {
  return new TidemarkError('object_damaged', `The segment ${file} ${start}-${end} is damaged: ${what}.`);
}

async function opened(body: Buffer, { file, start }: SegmentHeader, options: Opener): Promise<Buffer> {
  const { server, identity, attempt } = options;
  if (identity === undefined) throw new Error('an encrypted segment without an identity');
  const closed = path.join(attempt.folder, `${file}-${start}.age`);
  await writeFile(closed, body, { mode: 0o600 });
  try {
    const stages = [
      { program: 'cat', args: [closed] },
      decryption(await findProgram(server, 'age'), identity),
    ];
    const pipeline = await startPipeline(stages, { folder: attempt.folder, signal: attempt.signal });
    try {
      const pieces: Uint8Array[] = [];
      for await (const piece of pipeline.output ?? []) pieces.push(Uint8Array.from(piece));
      const results = await pipeline.finished;
      attempt.signal.throwIfAborted();
      const failed = results.find(({ code }) => code !== 0);
      if (failed) {
        throw (
          failed.error ??
          new TidemarkError(
            'identity_unavailable',
            `The agent's age identity does not open the binlog ${file}: ${failed.stderr.trim().slice(-300)}`,
          )
        );
      }
      return Buffer.concat(pieces);
    } finally {
      await pipeline.end();
    }
  } finally {
    await rm(closed, { force: true });
  }
}
