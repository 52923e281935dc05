/** Binlogs for tests, made event by event as the format has them. */
import { crc32 } from 'node:zlib';
import { eventTypes } from '../../../domain/binlog/event-types.ts';

/** As MariaDB 10.11 lists them: of each type from 1 on what every event of it has after its header. */
const postHeaderLengths: Record<number, number> = {
  [eventTypes.QUERY_EVENT]: 13,
  [eventTypes.ROTATE_EVENT]: 8,
  [eventTypes.TABLE_MAP_EVENT]: 8,
  [eventTypes.WRITE_ROWS_EVENT_V1]: 8,
  [eventTypes.BINLOG_CHECKPOINT_EVENT]: 4,
  [eventTypes.GTID_EVENT]: 19,
  [eventTypes.GTID_LIST_EVENT]: 4,
  [eventTypes.QUERY_COMPRESSED_EVENT]: 13,
};

interface EventOptions {
  timestamp?: number;
  serverId?: number;
  flags?: number;
}

export const magic = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);

export class BinlogBuilder {
  readonly #checksums: boolean;
  readonly #pieces: Buffer[] = [];
  #position: number;

  /** @param position where it begins; 0: with magic and format description */
  constructor({
    checksums = true,
    position = 0,
    flags = 0,
  }: { checksums?: boolean; position?: number; flags?: number } = {}) {
    this.#checksums = checksums;
    this.#position = position;
    if (position > 0) return;
    this.#position = magic.length;
    this.#pieces.push(magic);
    const lengths = Buffer.from(Array.from({ length: 171 }, (_, index) => postHeaderLengths[index + 1] ?? 0));
    const version = Buffer.alloc(50);
    version.write('10.11.19-MariaDB-log');
    const body = [u16(4), version, u32(0), Buffer.from([19]), lengths, Buffer.from([checksums ? 1 : 0])];
    this.#write(eventTypes.FORMAT_DESCRIPTION_EVENT, Buffer.concat(body), {}, true);
    const [, description] = this.#pieces;
    // The server sets the flag without making the checksum anew.
    if (description) description[17]! |= flags;
  }

  get position(): number {
    return this.#position;
  }

  bytes(): Buffer<ArrayBuffer> {
    return Buffer.concat(this.#pieces);
  }

  event(type: number, body: Buffer, options: EventOptions = {}): this {
    return this.#write(type, body, options, this.#checksums);
  }

  gtid(
    domainId: number,
    seqNo: bigint,
    flags: number,
    rest: Buffer = Buffer.alloc(6),
    options?: EventOptions,
  ): this {
    const body = [u64(seqNo), u32(domainId), Buffer.from([flags]), rest];
    return this.event(eventTypes.GTID_EVENT, Buffer.concat(body), options);
  }

  gtidList(gtids: readonly (readonly [number, number, bigint])[]): this {
    const entries = gtids.map(([domainId, serverId, seqNo]) =>
      Buffer.concat([u32(domainId), u32(serverId), u64(seqNo)]),
    );
    return this.event(eventTypes.GTID_LIST_EVENT, Buffer.concat([u32(gtids.length), ...entries]));
  }

  query(statement: string, database = 'shop', options?: EventOptions): this {
    const lengths = Buffer.concat([u32(1), u32(0), Buffer.from([database.length]), u16(0), u16(0)]);
    const body = Buffer.concat([lengths, Buffer.from(`${database}\0${statement}`)]);
    return this.event(eventTypes.QUERY_EVENT, body, options);
  }

  tableMap(database: string, table: string): this {
    const name = (text: string): Buffer => Buffer.from(`${String.fromCharCode(text.length)}${text}\0`);
    const body = [Buffer.alloc(8), name(database), name(table), Buffer.from([1, 3, 0, 0])];
    return this.event(eventTypes.TABLE_MAP_EVENT, Buffer.concat(body));
  }

  rows(length: number, fill = 7): this {
    return this.event(eventTypes.WRITE_ROWS_EVENT_V1, Buffer.alloc(8 + length, fill));
  }

  xid(xid: bigint, options?: EventOptions): this {
    return this.event(eventTypes.XID_EVENT, u64(xid), options);
  }

  rotate(file: string): this {
    return this.event(eventTypes.ROTATE_EVENT, Buffer.concat([u64(4n), Buffer.from(file)]));
  }

  stop(): this {
    return this.event(eventTypes.STOP_EVENT, Buffer.alloc(0));
  }

  #write(
    type: number,
    body: Buffer,
    { timestamp = 1_700_000_000, serverId = 7, flags = 0 }: EventOptions,
    checksum: boolean,
  ): this {
    const length = 19 + body.length + (checksum ? 4 : 0);
    const end = (this.#position + length) % 2 ** 32;
    const header = [u32(timestamp), Buffer.from([type]), u32(serverId), u32(length), u32(end), u16(flags)];
    const event = Buffer.concat([...header, body]);
    this.#pieces.push(checksum ? Buffer.concat([event, u32(crc32(event))]) : event);
    this.#position += length;
    return this;
  }
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
