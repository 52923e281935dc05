/** One file of the spool, which grows while it is read. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { uint32 } from '../../domain/binlog/bytes.ts';
import { eventTypes } from '../../domain/binlog/event-types.ts';
import { runProgram } from '../processes/run.ts';

/** The head of a file always stays: by it the rest is read. */
const kept = 64 * 1024;
/** Holes are made in steps of this. */
const holeBytes = 8 * 1024 * 1024;
const blockBytes = 4096;
const magicBytes = 4;
const headerBytes = 19;

export class SpoolFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Where the bytes begin, in the binlog, that come after the head; 0: it is a whole file. */
  readonly #base: number;
  #headBytes: number | undefined;
  #released = kept;

  private constructor(file: string, handle: FileHandle, base: number) {
    this.#path = file;
    this.#handle = handle;
    this.#base = base;
  }

  /** @returns undefined while it is not there */
  static async open(file: string, base: number): Promise<SpoolFile | undefined> {
    try {
      return new SpoolFile(file, await open(file, 'r'), base);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * Magic and format description, and what the server puts behind them when it sends a file from a later position on.
   *
   * @param final nothing more is going to come
   * @returns undefined while they are not there in full
   */
  async head(final: boolean): Promise<Buffer | undefined> {
    const bytes = Buffer.alloc(kept);
    const there = await this.#read(bytes, 0);
    const event = (at: number): number | undefined =>
      at + headerBytes <= there ? at + uint32(bytes, at + 9) : undefined;
    let end = event(magicBytes);
    if (end === undefined || end > there) return undefined;
    if (this.#base > 0) {
      const next = event(end);
      if (next === undefined && !final) return undefined;
      const inserted = bytes[end + 4] === eventTypes.START_ENCRYPTION_EVENT && uint32(bytes, end + 13) === 0;
      if (next !== undefined && inserted) end = next;
      if (end > there) return undefined;
    }
    this.#headBytes = end;
    return bytes.subarray(0, end);
  }

  /** What is there from a position on, at most as much as fits. `head` has been read. @returns how many bytes */
  async readAt(position: number, into: Uint8Array): Promise<number> {
    return await this.#read(into, this.#offsetOf(position));
  }

  /** The position, in the binlog, up to which it is there. `head` has been read. */
  async end(): Promise<number> {
    const { size } = await this.#handle.stat();
    return this.#base === 0 ? size : size - (this.#headBytes ?? 0) + this.#base;
  }

  /** Gives back what lies before a position. Where the file system cannot, it stays until the file is removed. */
  async release(position: number): Promise<void> {
    const end = Math.floor(this.#offsetOf(position) / blockBytes) * blockBytes;
    if (end - this.#released < holeBytes) return;
    const range = ['--offset', String(this.#released), '--length', String(end - this.#released)];
    const done = await runProgram('fallocate', ['--punch-hole', ...range, this.#path]).catch(() => undefined);
    if (done?.code === 0) this.#released = end;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true });
  }

  #offsetOf(position: number): number {
    return this.#base === 0 ? position : position - this.#base + (this.#headBytes ?? 0);
  }

  async #read(into: Uint8Array, offset: number): Promise<number> {
    const { bytesRead } = await this.#handle.read(into, 0, into.length, offset);
    return bytesRead;
  }
}
