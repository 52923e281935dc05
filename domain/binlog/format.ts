/** The format description: the first event of every binlog, by which all others are read. */
import { textOf, uint16, uint32 } from './bytes.ts';
import { BinlogDamage } from './damage.ts';
import { eventTypes, eventName } from './event-types.ts';
import { inUseFlag } from './events.ts';

/** Of every event: time, type, server id, length, end, flags. */
export const headerLength = 19;
export const checksumLength = 4;

const binlogVersion = 4;
const versionBytes = 50;
/** Version of the format, version of the server, time of creation, length of a header. */
const fixedLength = 2 + versionBytes + 4 + 1;

export interface FormatDescription {
  /** Such as `10.11.19-MariaDB-log`. */
  serverVersion: string;
  /** `binlog_checksum` as the file was begun. */
  checksum: 'NONE' | 'CRC32';
  /** Whether the server had just started. */
  atStartup: boolean;
  /** Of each type, from 1 on, the length of what every event of it has after its header. Its length is the number of types. */
  postHeaderLengths: readonly number[];
  /** The file is being written, or its server crashed. */
  inUse: boolean;
}

/**
 * Reads the event, whose checksum was found right.
 *
 * @param event header and checksum included
 * @throws BinlogDamage `unsupported`, `content`
 */
export function parseFormatDescription(event: Uint8Array, position: number): FormatDescription {
  const at = headerLength;
  const lengths = event.length - headerLength - fixedLength - 1 - checksumLength;
  const version = uint16(event, at);
  if (version !== binlogVersion || lengths < eventTypes.GTID_LIST_EVENT) {
    throw new BinlogDamage(
      'unsupported',
      position,
      `it is of format ${version} with ${Math.max(0, lengths)} types of events; only those of MariaDB 10.0 and later are read`,
    );
  }
  if (event[at + fixedLength - 1] !== headerLength) {
    throw new BinlogDamage('unsupported', position, 'the headers of its events have another length than 19');
  }
  const algorithm = event[event.length - checksumLength - 1];
  if (algorithm !== 0 && algorithm !== 1) {
    throw new BinlogDamage('unsupported', position, `its checksums are of the unknown kind ${algorithm}`);
  }
  const from = at + fixedLength;
  const postHeaderLengths = [...event.subarray(from, from + lengths)];
  return {
    serverVersion: textOf(event, at + 2, at + 2 + versionBytes).replace(/\0[^]*$/, ''),
    checksum: algorithm === 1 ? 'CRC32' : 'NONE',
    atStartup: uint32(event, at + 2 + versionBytes) !== 0,
    postHeaderLengths,
    inUse: (uint16(event, 17) & inUseFlag) !== 0,
  };
}

/**
 * What an event's header says, where it can be one.
 *
 * @returns the event's length
 * @throws BinlogDamage `header`, `place`
 */
export function checkHeader(
  format: FormatDescription,
  bytes: Uint8Array,
  at: number,
  position: number,
): number {
  const type = bytes[at + 4]!;
  const length = uint32(bytes, at + 9);
  const postHeader = format.postHeaderLengths[type - 1];
  if (postHeader === undefined || type === eventTypes.FORMAT_DESCRIPTION_EVENT) {
    throw new BinlogDamage('header', position, `there is an event of type ${type}, which cannot stand there`);
  }
  if (length < headerLength + postHeader + (format.checksum === 'CRC32' ? checksumLength : 0)) {
    throw new BinlogDamage(
      'header',
      position,
      `there is a ${eventName(type)} of ${length} bytes, which is too short for one`,
    );
  }
  const end = uint32(bytes, at + 13);
  // The file's own figure has 32 bits, and starts again at 4 GiB.
  if (end !== (position + length) % 2 ** 32 && !standsNowhere(bytes, at)) {
    throw new BinlogDamage(
      'place',
      position,
      `the event there says that it ends at ${end}, not at ${position + length}: bytes are missing before it, or were changed`,
    );
  }
  return length;
}

/**
 * Whether the server has put an event between others that is in no file: Start_encryption, when it sends an encrypted
 * file from a later position on.
 */
export function standsNowhere(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 4] === eventTypes.START_ENCRYPTION_EVENT && uint32(bytes, at + 13) === 0;
}
