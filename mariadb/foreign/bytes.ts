/** Streams of bytes that are asked for piece by piece. */

/** A piece is good until the next one is asked for; only one may be asked for at a time. */
export type Bytes = AsyncIterable<Uint8Array>;

/** Reads a stream by lengths. What is handed out is good until the next call. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #piece: Buffer = Buffer.alloc(0);
  #ended = false;
  /** How many bytes were handed out. */
  position = 0;

  constructor(source: Bytes) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @returns exactly so many bytes; fewer where the stream ends */
  async read(length: number): Promise<Buffer> {
    if (this.#piece.length >= length) return this.#hand(length);
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0 && (await this.#fill())) {
      // The memory of a piece is used again for the next one.
      const part = Buffer.from(this.#piece.subarray(0, missing));
      this.#piece = this.#piece.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    this.position += length - missing;
    return Buffer.concat(parts);
  }

  /** @returns what is there, at most so many bytes; none where the stream ends */
  async some(most: number): Promise<Buffer> {
    if (!(await this.#fill())) return Buffer.alloc(0);
    return this.#hand(Math.min(most, this.#piece.length));
  }

  /** Reads on to the end, so that whoever makes the stream can say that it was whole. */
  async drain(): Promise<void> {
    while ((await this.some(Number.MAX_SAFE_INTEGER)).length > 0);
  }

  /** Gives up what was not read. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#ended) {
      const next = await this.#source.next();
      if (next.done) this.#ended = true;
      else this.#piece = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return this.#piece.length > 0;
  }

  #hand(length: number): Buffer {
    const handed = this.#piece.subarray(0, length);
    this.#piece = this.#piece.subarray(length);
    this.position += length;
    return handed;
  }
}

/** The first bytes of a stream, and the whole of it, of which nothing is lost. */
export async function peek(source: Bytes, length: number): Promise<{ head: Buffer; whole: Bytes }> {
  const reader = new ByteReader(source);
  const head = Buffer.from(await reader.read(length));
  return { head, whole: { [Symbol.asyncIterator]: () => new Again(head, reader) } };
}

/** Not a generator: one that was not begun lets go of nothing when it is ended. */
class Again implements AsyncIterator<Uint8Array, undefined> {
  #head: Buffer;
  readonly #reader: ByteReader;

  constructor(head: Buffer, reader: ByteReader) {
    this.#head = head;
    this.#reader = reader;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const head = this.#head;
    this.#head = Buffer.alloc(0);
    const value = head.length > 0 ? head : await this.#reader.some(Number.MAX_SAFE_INTEGER);
    return value.length > 0 ? { done: false, value } : { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#reader.end();
    return { done: true, value: undefined };
  }
}

/** Ends a stream that is not read to its end. */
export async function giveUp(bytes: Bytes): Promise<void> {
  await bytes[Symbol.asyncIterator]().return?.();
}
