/**
 * Reads a binlog from pieces of any size, as they come, and holds on to none of them: what passes through may be a
 * transaction of 10 GB. Each event is given once it is there in full and its checksum was found right.
 *
 * A tail that is not there yet is no damage: a live file ends in the middle of an event at times. `end` tells.
 */
import { bytesToKeep, parseBody } from './bodies.ts';
import { uint16, uint32 } from './bytes.ts';
import { crcOf, residue, withEvent } from './checksum.ts';
import { BinlogDamage } from './damage.ts';
import { eventTypes } from './event-types.ts';
import type { BinlogEvent } from './events.ts';
import {
  checkHeader,
  checksumLength,
  headerLength,
  standsNowhere,
  type FormatDescription,
} from './format.ts';
import { HeadReader } from './head.ts';
import { PartialEvent, wrongChecksum } from './partial-event.ts';

export interface ReaderOptions {
  /**
   * Where the events begin that follow the head, in the file they are of. The stream is as `mariadb-binlog --raw
   * --start-position` gives it: magic and format description, then the bytes from there. Default: it is a whole file.
   */
  startPosition?: number;
  /** No head: the stream begins with the event at `startPosition`, and this was read before. */
  format?: FormatDescription;
  /** Whether the names of databases and tables are read, and the verbs of statements. It takes time. */
  names?: boolean;
}

/** How a stream ended. */
export interface BinlogEnd {
  /** Where the last whole event ends. */
  position: number;
  /** The event that closes a file, when it was there: nothing can follow. */
  closed: 'rotate' | 'stop' | undefined;
  /** An event of which a part is there. Undefined when the stream ends with an event. */
  torn: { position: number; bytes: number; of: number | undefined } | undefined;
  /** From here on nothing was read but the lengths of events, because the server encrypts its files. */
  encryptedFrom: number | undefined;
}

/** Bytes that are checked, and then read, while they are in the processor's cache. */
const rowLimit = 64 * 1024;

export class BinlogReader {
  readonly #names: boolean;
  readonly #startPosition: number | undefined;
  #head: HeadReader | undefined;
  #format: FormatDescription | undefined;
  #position: number;
  #partial: PartialEvent | undefined;
  #closed: 'rotate' | 'stop' | undefined;
  #encryptedFrom: number | undefined;
  #damage: BinlogDamage | undefined;

  constructor({ startPosition, format, names = false }: ReaderOptions = {}) {
    this.#names = names;
    this.#startPosition = startPosition;
    this.#format = format;
    this.#position = format ? (startPosition ?? 0) : 0;
    if (!format) this.#head = new HeadReader();
  }

  /** Undefined until it was read. */
  get format(): FormatDescription | undefined {
    return this.#format;
  }

  /**
   * Takes the next bytes. They are not needed any more when it returns.
   *
   * @param take is called with each event, in order, before the call ends
   * @throws BinlogDamage after every event before the damage was given; then again at each further call
   */
  read(chunk: Uint8Array, take: (event: BinlogEvent) => void): void {
    if (this.#damage) throw this.#damage;
    try {
      let at = 0;
      if (this.#head) at = this.#readHead(this.#head, chunk, take);
      while (at < chunk.length) at = this.#readEvents(chunk, at, take);
    } catch (error) {
      if (error instanceof BinlogDamage) this.#damage = error;
      throw error;
    }
  }

  /** How it ended, if it ends here. It may go on all the same. */
  end(): BinlogEnd {
    const partial = this.#head ?? this.#partial;
    return {
      position: this.#position,
      closed: this.#closed,
      torn:
        partial && partial.bytes > 0
          ? { position: this.#position, bytes: partial.bytes, of: partial.length }
          : undefined,
      encryptedFrom: this.#encryptedFrom,
    };
  }

  /** @returns where in the chunk the head ends */
  #readHead(head: HeadReader, chunk: Uint8Array, take: (event: BinlogEvent) => void): number {
    const at = head.read(chunk);
    this.#position = head.position;
    if (!head.event) return at;
    take(head.event);
    this.#format = head.format;
    this.#head = undefined;
    this.#position = this.#startPosition ?? head.event.end;
    return at;
  }

  /** @returns where in the chunk the next event begins, or its end */
  #readEvents(chunk: Uint8Array, at: number, take: (event: BinlogEvent) => void): number {
    if (this.#closed) {
      const what = `the ${this.#closed} event before it closes the file, and yet more follows`;
      throw new BinlogDamage('beyond_end', this.#position, what);
    }
    const format = this.#format!;
    if (!this.#partial) {
      const to = this.#encryptedFrom === undefined ? this.#wholeEvents(format, chunk, at) : at;
      if (to > at) return this.#giveRow(chunk, at, to, take);
      this.#partial = new PartialEvent(format, this.#position, this.#encryptedFrom !== undefined);
    }
    const partial = this.#partial;
    const next = partial.read(chunk, at);
    if (!partial.whole) return next;
    this.#partial = undefined;
    if (this.#encryptedFrom === undefined) this.#give(partial.kept, 0, partial.length!, take);
    else this.#position += partial.length!;
    return next;
  }

  /**
   * How far whole events go in the chunk that are right; those before a damaged one first.
   *
   * @returns where they end; where they begin when the first one is not whole
   */
  #wholeEvents(format: FormatDescription, chunk: Uint8Array, from: number): number {
    const checked = format.checksum === 'CRC32';
    let at = from;
    let crc = 0;
    let fault: unknown;
    while (at - from < rowLimit && at + headerLength <= chunk.length) {
      const position = this.#position + at - from;
      let length: number;
      try {
        length = checkHeader(format, chunk, at, position);
      } catch (error) {
        // Those before it come first; it is met again as the first of the next row.
        fault = error;
        break;
      }
      if (at + length > chunk.length) break;
      if (checked) crc = withEvent(crc, length);
      at += length;
      // What follows these is read in another way, or not at all.
      const type = chunk[at - length + 4];
      if (
        type === eventTypes.START_ENCRYPTION_EVENT ||
        type === eventTypes.ROTATE_EVENT ||
        type === eventTypes.STOP_EVENT
      )
        break;
    }
    if (at > from && checked && crcOf(chunk, from, at) !== crc >>> 0) {
      return this.#rightEvents(chunk, from);
    }
    if (at === from && fault !== undefined) throw fault as Error;
    return at;
  }

  /** As `#wholeEvents`, one by one, where one of them is known to be damaged. */
  #rightEvents(chunk: Uint8Array, from: number): number {
    for (let at = from; ;) {
      const length = uint32(chunk, at + 9);
      if (crcOf(chunk, at, at + length) !== residue) {
        if (at > from) return at;
        throw wrongChecksum(chunk[at + 4]!, this.#position);
      }
      at += length;
    }
  }

  /** Whole events that were found right. */
  #giveRow(chunk: Uint8Array, from: number, to: number, take: (event: BinlogEvent) => void): number {
    for (let at = from; at < to;) {
      const length = uint32(chunk, at + 9);
      this.#give(chunk, at, length, take);
      at += length;
    }
    return to;
  }

  /** @param bytes hold the event from `from` on, or what is needed of it */
  #give(bytes: Uint8Array, from: number, length: number, take: (event: BinlogEvent) => void): void {
    const position = this.#position;
    const type = bytes[from + 4]!;
    const end = from + length - (this.#format!.checksum === 'CRC32' ? checksumLength : 0);
    const to = Math.min(end, from + bytesToKeep(type), bytes.length);
    const body = parseBody(type, { bytes, from, to, end, position }, this.#names);
    if (!standsNowhere(bytes, from)) this.#position = position + length;
    if (body?.kind === 'rotate' || body?.kind === 'stop') this.#closed = body.kind;
    if (body?.kind === 'start_encryption' && !body.decrypted) this.#encryptedFrom = this.#position;
    take({
      type,
      timestamp: uint32(bytes, from),
      serverId: uint32(bytes, from + 5),
      flags: uint16(bytes, from + 17),
      position,
      end: this.#position,
      body,
    });
  }
}
