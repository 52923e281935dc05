/**
 * Cuts a stream into parts and puts several at a time, in bounded memory: a buffer for each part under way and one
 * that is being filled, used again and again whatever the size of the stream.
 */
import { createHash, type Hash } from 'node:crypto';
import { TidemarkError } from '../domain/errors.ts';
import type { PartRecord } from '../domain/manifest.ts';
import { cancelledError } from './cancel.ts';
import { letGoOfAll } from './let-go.ts';
import { mostParts } from './part-size.ts';
import { putOnce } from './put-once.ts';
import type { ObjectStore } from './store.ts';

export interface WritePartsOptions {
  /** The key of a part; they count from 1. */
  keyOf: (index: number) => string;
  /** A chunk is copied before the next is asked for, so the source may use its memory again. */
  source: AsyncIterable<Uint8Array>;
  /** Bytes of every part but the last. */
  partSize: number;
  /** How many parts are put at the same time. */
  inFlight: number;
  signal: AbortSignal;
  /** Told after each part how many bytes are stored by now. */
  onProgress?: (bytesStored: number) => void;
  /** Awaited between the end of the source and the last part: whether the stream that ended was whole. */
  beforeLast?: () => Promise<void>;
}

interface Part {
  buffer: Buffer;
  filled: number;
  digest: Hash;
}

export class PartWriter {
  readonly parts: PartRecord[] = [];
  bytes = 0;
  readonly #store: ObjectStore;
  readonly #options: WritePartsOptions;
  readonly #free: Buffer[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #stored = 0;
  #failure: { error: unknown } | undefined;
  /** Ends the wait that the writer is in, when something fails meanwhile. */
  #interrupt: ((error: unknown) => void) | undefined;
  readonly #onAbort: () => void;

  constructor(store: ObjectStore, options: WritePartsOptions) {
    this.#store = store;
    this.#options = options;
    this.#onAbort = () => this.#fail(cancelledError(options.signal));
  }

  /** Writes the whole stream. On failure the source is told to end, and no put is under way any more. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort);
    try {
      if (signal.aborted) this.#onAbort();
      const last = await this.#cut();
      await this.#interruptible(async () => this.#options.beforeLast?.());
      this.#put(last);
    } catch (error) {
      this.#fail(error);
    } finally {
      // A put under way uses a buffer and may still create an object: nothing is decided before it is settled.
      while (this.#underWay.size > 0) await Promise.all(this.#underWay);
      signal.removeEventListener('abort', this.#onAbort);
      letGoOfAll(Math.min(this.bytes, this.#options.partSize * (this.#options.inFlight + 1)));
    }
    this.#throwIfFailed();
  }

  /** Pulls the source to its end; answers the last part, which is not put yet. */
  async #cut(): Promise<Part> {
    const { source, partSize, inFlight } = this.#options;
    let part = this.#newPart();
    const iterator = source[Symbol.asyncIterator]();
    let pulling = false;
    let ended = false;
    try {
      for (;;) {
        // With every buffer full there is no room for what would come.
        if (part.filled === partSize) await this.#whileUnderWay(inFlight);
        pulling = true;
        const next = await this.#interruptible(() => iterator.next());
        pulling = false;
        if (next.done === true) break;
        for (let chunk = next.value; chunk.length > 0;) {
          // Only now is it known that the full part is not the last one.
          if (part.filled === partSize) {
            await this.#whileUnderWay(inFlight);
            this.#put(part);
            part = this.#newPart();
          }
          const taken = chunk.subarray(0, partSize - part.filled);
          this.#add(part, taken);
          chunk = chunk.subarray(taken.length);
        }
      }
      ended = true;
      return part;
    } finally {
      if (!ended) await stop(iterator, pulling);
    }
  }

  #newPart(): Part {
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#options.partSize);
    return { buffer, filled: 0, digest: createHash('sha256') };
  }

  #add(part: Part, chunk: Uint8Array): void {
    part.buffer.set(chunk, part.filled);
    part.filled += chunk.length;
    this.bytes += chunk.length;
    // Chunk by chunk: a whole part at once costs as much, and stops this thread, and so the source, for its time.
    part.digest.update(chunk);
  }

  #put(part: Part): void {
    this.#throwIfFailed();
    const index = this.parts.length + 1;
    if (index > mostParts) {
      throw new TidemarkError(
        'invalid_setting',
        `The stream has more than ${mostParts} parts of ${this.#options.partSize} bytes. Raise backup.part_size.`,
      );
    }
    const record = { key: this.#options.keyOf(index), bytes: part.filled, sha256: part.digest.digest('hex') };
    this.parts.push(record);
    const put = this.#putOne(record, part.buffer)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#underWay.delete(put));
    this.#underWay.add(put);
  }

  async #putOne(record: PartRecord, buffer: Buffer): Promise<void> {
    const body = buffer.subarray(0, record.bytes);
    await putOnce(this.#store, record.key, body, record.sha256, this.#options.signal);
    this.#free.push(buffer);
    this.#stored += record.bytes;
    this.#options.onProgress?.(this.#stored);
  }

  /** Waits until fewer than `most` puts are under way. */
  async #whileUnderWay(most: number): Promise<void> {
    while (this.#underWay.size >= most) await this.#interruptible(() => Promise.race(this.#underWay));
  }

  /**
   * Waits, but no longer than until something else fails: a source that is silent for ever must not hide that the
   * disk is full. Promise.race with one promise for the whole stream would keep every chunk's answer in memory.
   */
  async #interruptible<T>(begin: () => Promise<T>): Promise<T> {
    this.#throwIfFailed();
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#interrupt = reject;
        begin().then(resolve, reject);
      });
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** Only the first failure counts; what follows is mostly its consequence. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#interrupt?.(error);
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

/**
 * Tells a source that nothing more is wanted. While it is still asked for a chunk it cannot answer, so then nobody
 * waits for it: it ends when the program that feeds it is ended, which the caller does once it knows of the failure.
 */
async function stop(iterator: AsyncIterator<Uint8Array>, pulling: boolean): Promise<void> {
  // Whatever it says now, the failure that led here is the one to tell.
  const stopped = Promise.resolve(iterator.return?.()).then(
    () => undefined,
    () => undefined,
  );
  if (!pulling) await stopped;
}
