/** One event that comes in pieces. Of a large one only the beginning is kept; its checksum is made as it passes. */
import { bytesToKeep } from './bodies.ts';
import { uint32 } from './bytes.ts';
import { crcOf, residue } from './checksum.ts';
import { BinlogDamage } from './damage.ts';
import { eventName } from './event-types.ts';
import { checkHeader, type FormatDescription, headerLength } from './format.ts';

export class PartialEvent {
  readonly #format: FormatDescription;
  readonly #position: number;
  readonly #opaque: boolean;
  #crc = 0;
  /** How many bytes of it have come. */
  bytes = 0;
  /** Of the whole event; undefined until its header is there. */
  length: number | undefined;
  /** Its first bytes. */
  kept: Uint8Array = new Uint8Array(headerLength);

  /** @param opaque encrypted: only its length can be read */
  constructor(format: FormatDescription, position: number, opaque: boolean) {
    this.#format = format;
    this.#position = position;
    this.#opaque = opaque;
  }

  get whole(): boolean {
    return this.bytes === this.length;
  }

  /**
   * Takes what belongs to it.
   *
   * @returns where in the chunk that ends
   * @throws BinlogDamage
   */
  read(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.length === undefined) {
      at = this.#take(chunk, at, headerLength);
      if (this.bytes < headerLength) return at;
      this.#readHeader();
    }
    at = this.#take(chunk, at, this.length!);
    if (this.whole && this.#checked && this.#crc !== residue) {
      throw wrongChecksum(this.kept[4]!, this.#position);
    }
    return at;
  }

  get #checked(): boolean {
    return !this.#opaque && this.#format.checksum === 'CRC32';
  }

  #readHeader(): void {
    const header = this.kept;
    if (this.#opaque) {
      this.length = uint32(header, 9);
      if (this.length < headerLength) {
        const what = `there is an encrypted event of ${this.length} bytes, which is too short for one`;
        throw new BinlogDamage('header', this.#position, what);
      }
      return;
    }
    this.length = checkHeader(this.#format, header, 0, this.#position);
    this.kept = new Uint8Array(Math.min(this.length, bytesToKeep(header[4]!)));
    this.kept.set(header);
  }

  /** Up to `until` bytes of the event. */
  #take(chunk: Uint8Array, from: number, until: number): number {
    const to = Math.min(chunk.length, from + until - this.bytes);
    if (this.bytes < this.kept.length) {
      const kept = Math.min(to, from + this.kept.length - this.bytes);
      this.kept.set(chunk.subarray(from, kept), this.bytes);
    }
    if (this.#checked) this.#crc = crcOf(chunk, from, to, this.#crc);
    this.bytes += to - from;
    return to;
  }
}

export function wrongChecksum(type: number, position: number): BinlogDamage {
  const what = `the ${eventName(type)} there has not the checksum that was written behind it`;
  return new BinlogDamage('checksum', position, what);
}
