/**
 * The open end of joined programs, read into one buffer that is used again and again. A child's `stdout` has a new one
 * for every read: to collect them costs an agent more than to store what is in them.
 */
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';

/** As much as a socket holds, so that a read takes what is there. */
const bufferBytes = 256 * 1024;
const socketName = 'open-end';
/** How long the two ends may take to meet within this process. */
const acceptMs = 10_000;

/** What a program writes. A chunk is good until the next one is asked for; only one may be asked for at a time. */
export interface OpenEnd extends AsyncIterable<Uint8Array> {
  /** For the program. It is to be destroyed here once the program has it: the end comes when nobody can write. */
  writeEnd: Socket;
  /** Gives up what was not read; a program that still writes is told so by a broken pipe. */
  close(): void;
}

/** @param folder nobody else's: the two ends meet in it */
export async function makeOpenEnd(folder: string): Promise<OpenEnd> {
  const chunks = new Chunks();
  const file = path.join(folder, socketName);
  await rm(file, { force: true });
  // The name of a socket has to be short, and a folder's need not be.
  const directory = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const server = createServer({ pauseOnConnect: true });
  try {
    const short = `/proc/self/fd/${directory.fd}/${socketName}`;
    await listen(server, short);
    // Without a descriptor to spare the system takes the connection and drops it, and says nothing.
    const accepted = once(server, 'connection', { signal: AbortSignal.timeout(acceptMs) });
    accepted.catch(() => undefined);
    await chunks.connect(short);
    const [writeEnd] = (await accepted) as [Socket];
    writeEnd.on('error', () => undefined);
    const close = (): void => {
      chunks.close();
      writeEnd.destroy();
    };
    return { writeEnd, close, [Symbol.asyncIterator]: () => chunks };
  } catch (error) {
    chunks.close();
    throw error;
  } finally {
    // Not waited for: it would be until the connection ends.
    server.close();
    await rm(file, { force: true });
    await directory.close();
  }
}

async function listen(server: Server, file: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, resolve);
  });
}

type Answer = IteratorResult<Uint8Array, undefined>;

/** The chunks as an iterator, which reads only when it is asked. */
class Chunks implements AsyncIterator<Uint8Array, undefined> {
  #socket: Socket | undefined;
  #asked: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | undefined;
  #ended = false;
  #failure: { error: unknown } | undefined;

  async connect(file: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const buffer = Buffer.allocUnsafeSlow(bufferBytes);
      const callback = (bytes: number): boolean => {
        this.#answer({ done: false, value: buffer.subarray(0, bytes) });
        // What is in the buffer has to be used first.
        return false;
      };
      const socket = connect({ path: file, onread: { buffer, callback } });
      this.#socket = socket;
      socket.once('connect', resolve);
      socket.pause();
      socket.on('error', (error) => {
        this.#failure ??= { error };
        reject(error);
        this.#settle();
      });
      socket.once('end', () => this.#settle());
      socket.once('close', () => this.#settle());
    });
  }

  next(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      if (this.#ended) this.#settle();
      else this.#socket?.resume();
    });
  }

  return(): Promise<Answer> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #answer(answer: Answer): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve(answer);
  }

  #settle(): void {
    this.#ended = true;
    if (this.#failure) this.#asked?.reject(this.#failure.error);
    this.#answer({ done: true, value: undefined });
  }
}
