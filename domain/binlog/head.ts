/** The first bytes of a binlog: four that say what it is, and the format description. */
import { uint16, uint32 } from './bytes.ts';
import { crcOf } from './checksum.ts';
import { BinlogDamage } from './damage.ts';
import { eventTypes } from './event-types.ts';
import { type BinlogEvent, inUseFlag } from './events.ts';
import { checksumLength, type FormatDescription, headerLength, parseFormatDescription } from './format.ts';
import { wrongChecksum } from './partial-event.ts';

const magic = [0xfe, 0x62, 0x69, 0x6e];
/** Where the server keeps the lowest byte of the flags of the format description, the file's one that changes later. */
const inUseOffset = 21;
/** Of a format description; MariaDB's have some 250 bytes. */
const longest = 1024;

export class HeadReader {
  #kept: Uint8Array = new Uint8Array(magic.length + headerLength);
  #bytes = 0;
  #event: (BinlogEvent & { body: { kind: 'format_description'; format: FormatDescription } }) | undefined;

  /** The format description; undefined until it is there in full. */
  get event(): BinlogEvent | undefined {
    return this.#event;
  }

  get format(): FormatDescription | undefined {
    return this.#event?.body.format;
  }

  /** Where what is whole ends. */
  get position(): number {
    return this.#bytes < magic.length ? 0 : magic.length;
  }

  /** How many bytes there are after that. */
  get bytes(): number {
    return this.#bytes - this.position;
  }

  /** Of what they are a part. */
  get length(): number | undefined {
    if (this.position === 0) return magic.length;
    return this.bytes < headerLength ? undefined : uint32(this.#kept, magic.length + 9);
  }

  /**
   * @returns where in the chunk the head ends
   * @throws BinlogDamage `magic`, `unsupported`, `header`, `place`, `checksum`
   */
  read(chunk: Uint8Array): number {
    let at = this.#take(chunk, 0);
    if (magic.some((byte, index) => index < this.#bytes && this.#kept[index] !== byte)) {
      throw new BinlogDamage('magic', 0, 'it does not begin as a binlog does');
    }
    if (this.#bytes < magic.length + headerLength) return at;
    if (this.#kept.length === magic.length + headerLength) {
      const kept = new Uint8Array(magic.length + this.#checkedLength());
      kept.set(this.#kept);
      this.#kept = kept;
    }
    at = this.#take(chunk, at);
    if (this.#bytes === this.#kept.length) this.#event = this.#read();
    return at;
  }

  #take(chunk: Uint8Array, from: number): number {
    const to = Math.min(chunk.length, from + this.#kept.length - this.#bytes);
    this.#kept.set(chunk.subarray(from, to), this.#bytes);
    this.#bytes += to - from;
    return to;
  }

  #checkedLength(): number {
    const type = this.#kept[magic.length + 4]!;
    const length = uint32(this.#kept, magic.length + 9);
    if (type !== eventTypes.FORMAT_DESCRIPTION_EVENT) {
      throw new BinlogDamage('header', magic.length, `it begins with an event of type ${type}`);
    }
    if (length < headerLength + checksumLength || length > longest) {
      throw new BinlogDamage('header', magic.length, `its format description has ${length} bytes`);
    }
    const end = uint32(this.#kept, magic.length + 13);
    // 0 when the server sends what follows from a later position on.
    if (end !== 0 && end !== magic.length + length) {
      throw new BinlogDamage('place', magic.length, `its format description says that it ends at ${end}`);
    }
    return length;
  }

  #read(): BinlogEvent & { body: { kind: 'format_description'; format: FormatDescription } } {
    const bytes = this.#kept.subarray(magic.length);
    const to = bytes.length - checksumLength;
    // The checksum was made before the flag was set.
    const masked = bytes.slice();
    masked[inUseOffset - magic.length]! &= ~inUseFlag;
    if (crcOf(masked, 0, to) !== uint32(bytes, to)) throw wrongChecksum(bytes[4]!, magic.length);
    return {
      type: eventTypes.FORMAT_DESCRIPTION_EVENT,
      timestamp: uint32(bytes, 0),
      serverId: uint32(bytes, 5),
      flags: uint16(bytes, 17),
      position: magic.length,
      end: magic.length + bytes.length,
      body: { kind: 'format_description', format: parseFormatDescription(bytes, magic.length) },
    };
  }
}
